"""Which series of a legacy file becomes which view: these files hold names and counts, and no geometry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from preprocess.cines.series import incomplete, no_cine, usual_count
from preprocess.conversion.choosing import merit
from preprocess.errors import PreprocessError
from preprocess.legacy.legacy_file import LegacyHeader
from preprocess.recognition.names import Decision
from preprocess.recognition.recognise import described
from preprocess.recognition.site_rules import SiteRules
from preprocess.store.views import View
from preprocess.system.tables import read_rows

__all__ = ["LegacyStack", "Names", "Part", "ranked", "read_view_map"]

_VIEWS = {view.value: view for view in View}
_OTHERS = ("", "NONE", "LVOT", "LAX")  # what the paper's own maps say of other series
_MAPPED: dict[str, View | None] = {**dict.fromkeys(_OTHERS), **_VIEWS}
_MOST_FRAMES = 500  # of a slice; more are no cine
_PIECE = re.compile(r"(.+?)[ _]b(\d{1,2})", re.IGNORECASE)  # UK Biobank: one slice a series, …_b1 to …_b15
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Names:
    """How names are judged.

    Attributes:
        views: a user's own map from names to views, see `read_view_map`; it comes first.
        rules: a site's rules, as for a conversion; they come before the general ones.
    """

    views: Mapping[str, View | None] = field(default_factory=dict)
    rules: SiteRules | None = None

    @property
    def options(self) -> str:
        """Whatever changes how a name is judged."""
        views = sorted((name, view.value if view else "") for name, view in self.views.items())
        return repr((views, self.rules.digest if self.rules else ""))

    def judge(self, name: str) -> Decision:
        """The view of a series by the map, as the name of a view itself, or by the rules for descriptions."""
        key = _key(name)
        if key in self.views:
            view = self.views[key]
            reason = "view map" if view else "view map: none of the four views"
            return Decision(view, 1.0, reason, final=view is None)
        if name in _VIEWS:
            return Decision(_VIEWS[name], 1.0, "named by the view")
        own = self.rules.decide(name) if self.rules else None
        return own or described(name)


@dataclass(frozen=True)
class Part:
    """A series and what its name says."""

    header: LegacyHeader
    decision: Decision


@dataclass(frozen=True)
class LegacyStack:
    """A candidate for a view: one series, or the pieces of one.

    Attributes:
        parts: its series.
        used: complete slices as (part, slice).
        left_out: the other slices as (part, slice, reason).
    """

    parts: tuple[Part, ...]
    used: tuple[tuple[Part, int], ...]
    left_out: tuple[tuple[Part, int, str], ...]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> LegacyStack:
        """Judge the slices of some series by their numbers of frames."""
        slices = [(part, index, n_frames) for part in parts for index, n_frames in enumerate(part.header.n_frames)]
        counts = [n_frames for _, _, n_frames in slices]
        usual = usual_count(counts)
        judged = [(part, index, _why_left_out(n, usual, counts.count(usual))) for part, index, n in slices]
        return cls(
            tuple(parts),
            tuple((part, index) for part, index, reason in judged if not reason),
            tuple(slice_ for slice_ in judged if slice_[2]),
        )

    def uses(self, part: Part) -> bool:
        """Whether any slice of a series is used."""
        return any(part is used for used, _ in self.used)

    def why_unused(self, part: Part) -> str:
        """Why no slice of a series is used; empty if one is."""
        return "" if self.uses(part) else next(reason for other, _, reason in self.left_out if other is part)

    def merit(self, view: View) -> tuple[bool, int, int, int, list[tuple[bool, int, str]]]:
        """The larger is the better: as in the conversion of DICOM, with the name, its numbers by value, at the end."""
        tier = max(part.decision.tier for part in self.parts)
        n_frames = [part.header.n_frames[index] for part, index in self.used]
        pieces = _DIGITS.split(self.parts[0].header.name.casefold())
        natural = [(piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]
        return merit(view, tier, n_frames, natural)


def read_view_map(path: Path) -> dict[str, View | None]:
    """Read a CSV with `series_description` and `view` (or `cleaned_series_names`, as the paper's own maps call it).

    Of a name that occurs twice the row with a view counts. Spaces and slashes may stand for the underscores that the
    tool wrote; case does not count.

    Raises:
        PreprocessError: a column is missing, an unknown view, or one name with two views.
    """
    rows = read_rows(path, ["series_description"])
    column = next((name for name in ("view", "cleaned_series_names") if rows and name in rows[0]), None)
    if column is None:
        raise PreprocessError(f"{path} has no column view", "name the column with 4CH, 3CH, 2CH or SAX so")
    views: dict[str, View | None] = {}
    for number, row in enumerate(rows, start=1):
        key, view_name = _key(row["series_description"]), row[column].strip().upper()
        if view_name not in _MAPPED:
            raise PreprocessError(f"{path}, row {number}: unknown view", "use 4CH, 3CH, 2CH, SAX, or leave it empty")
        view = _MAPPED[view_name]
        if views.get(key) and view and views[key] is not view:
            raise PreprocessError(f"{path}, row {number}: a name that has another view above", "keep one of them")
        views[key] = view or views.get(key)
    return views


def _key(name: str) -> str:
    return re.sub(r"[ /]", "_", name).casefold()


def ranked(view: View, parts: Sequence[Part]) -> list[LegacyStack]:
    """The candidates for a view, best first; those without a complete slice last.

    As in the conversion of DICOM: the better evidence, then most complete slices (SAX) or most frames (long axes). When
    a series was acquired is not known; of equal candidates the last in the order of names is taken, as repeats are.
    """
    # Pieces of one short-axis stack come together, in the order of their numbers; every other series alone.
    groups: dict[object, list[tuple[int, Part]]] = {}
    for part in parts:
        match = _PIECE.fullmatch(part.header.name)
        if view is View.SAX and match and len(part.header.n_frames) == 1:
            key = (match[1].casefold(), part.decision.tier, part.header.size, part.header.is_grey8)
            groups.setdefault(key, []).append((int(match[2]), part))
        else:
            groups[part.header.number] = [(0, part)]
    pieces = [sorted(group, key=lambda piece: piece[0]) for group in groups.values()]
    stacks = [LegacyStack.of([part for _, part in group]) for group in pieces]
    return sorted(stacks, key=lambda stack: stack.merit(view), reverse=True)


def _why_left_out(n_frames: int, usual: int, how_many: int) -> str:
    """Why a slice is left out, where `how_many` of its stack have the usual number of frames; else empty."""
    reason = no_cine(n_frames)
    if not reason and n_frames > _MOST_FRAMES:
        reason = f"no cine: {n_frames} frames, more than {_MOST_FRAMES}"
    reason = reason or incomplete(n_frames, usual)
    if not reason and how_many > 1 and n_frames > 1.5 * usual:
        reason = f"acquisitions mixed by the legacy tool: {n_frames} frames where its other slices have {usual}"
    return reason

"""What every worker of a conversion needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from preprocess.cines.pixels import Bits, PixelRules
from preprocess.errors import PreprocessError
from preprocess.privacy.keys import SiteKey
from preprocess.recognition.site_rules import SiteRules
from preprocess.sources.archives import LIMITS, Limits
from preprocess.sources.sites import Site, known_sites
from preprocess.sources.sites.registry import SHIPPED_SITES
from preprocess.system.clock import TimeUpError

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """Options of a conversion.

    Attributes:
        store: output folder.
        key: the site's key.
        bits: 8 or 16 per stored pixel.
        with_crosswalk: hand real identifiers back to the main process.
        claimed: studies in the store that came from sources outside of this run; they are not overwritten.
        limits: of an archive.
        timeout_s: longest time for one study, and for one file while reading; 0 for none.
        ids_from_headers: use the headers' identifiers even where names follow a public data set's layout.
        memory_mb: pixels of a source kept in memory at once; a source with more is read several times.
        spacing_mm: see `PixelRules`.
        crop: see `PixelRules`.
        keep_age_sex: store sex and age.
        site: the site's own rules for series names.
        sites: public data sets whose names are known; workers get those that were registered when the run began.

    Raises:
        PreprocessError: spacing or crop out of range.
    """

    store: Path
    key: SiteKey
    bits: Bits = 8
    with_crosswalk: bool = False
    claimed: frozenset[tuple[str, str]] = frozenset()
    limits: Limits = LIMITS
    timeout_s: float = 0.0
    ids_from_headers: bool = False
    memory_mb: int = 2048
    spacing_mm: float | None = None
    crop: int | None = None
    keep_age_sex: bool = True
    site: SiteRules | None = None
    sites: tuple[Site, ...] = field(default_factory=known_sites)

    def __post_init__(self) -> None:
        _ = self.pixel_rules  # refuses what cannot be before any work begins

    @property
    def pixel_rules(self) -> PixelRules:
        """What becomes of pixels."""
        return PixelRules(self.bits, self.spacing_mm, self.crop)

    @property
    def options(self) -> str:
        """Whatever changes how a source is converted: with other options it is converted again."""
        said: tuple[object, ...] = (self.ids_from_headers, self.keep_age_sex, self.site.digest if self.site else "")
        added = [site.name for site in self.sites if site.name not in SHIPPED_SITES]
        return repr((*said, *added))

    def why(self, error: PreprocessError | TimeUpError) -> str:
        """What the ledger says of input that was given up."""
        if isinstance(error, PreprocessError):
            return error.problem
        return f"took longer than {self.timeout_s:g} s (a later run tries again; raise --timeout)"

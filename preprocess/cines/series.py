"""Frames to slices: by position along the normal, ordered in time by what the headers say, repeats kept apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from preprocess.dicom.frame import Frame
from preprocess.dicom.image_kind import Component, component_of
from preprocess.geometry import Vector, angle_between_lines, cluster, plane_normal

__all__ = [
    "MIN_PHASES",
    "Acquisition",
    "Series",
    "acquisitions",
    "centre",
    "incomplete",
    "missing_frames",
    "no_cine",
    "order_frames",
    "position_tolerance",
    "same_direction",
    "same_plane",
    "split_series",
    "usual_count",
    "why_no_cine",
]

MIN_PHASES = 10  # fewer frames at a position are no cine
_SAME_DIRECTION = 3.0  # degrees
_LONGEST_BEAT = 3000.0  # ms between the first and the last trigger time of a cine: 20 beats a minute
_LONGEST_CYCLE = 5000.0  # ms; trigger times beyond it are no times since the R wave


@dataclass(frozen=True, eq=False)
class Series:
    """Frames of one source series that share plane, matrix, spacing and kind of signal; sorted by instance.

    Equal to itself only: two scans are two, whatever their numbers.
    """

    images: tuple[Frame, ...]

    @property
    def first(self) -> Frame:
        """The frame whose geometry stands for all."""
        return self.images[0]

    @property
    def normal(self) -> Vector:
        """Unit normal `[3]`."""
        return plane_normal(self.first.orientation)

    @property
    def is_gated(self) -> bool:
        """True where the frames are spread over a heart beat; perfusion and other dynamics are not.

        Where no frame states a time, the number of cardiac phases that the scanner declares decides.
        """
        times = {image.trigger_time for image in self.images if np.isfinite(image.trigger_time)}
        if not times:
            return max(image.phases for image in self.images) >= MIN_PHASES
        return len(times) >= MIN_PHASES and max(times) - min(times) <= _LONGEST_BEAT


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One cine of one slice: frames in order of time, and its position along the normal in mm. Equal to itself only."""

    images: tuple[Frame, ...]
    position: float

    @property
    def declared(self) -> int:
        """Frames that the scanner says a slice has; 0 where it does not say."""
        return max(image.phases for image in self.images)

    @property
    def when(self) -> tuple[str, int, str]:
        """Sorts acquisitions by time of scan."""
        last = max(self.images, key=lambda image: (image.acquired, image.acquisition_number))
        return (last.acquired, last.acquisition_number, last.series_uid)


def same_plane(first: Frame, second: Frame, degrees: float = _SAME_DIRECTION) -> bool:
    """True where two frames are parallel, equally turned and of the same matrix and spacing."""
    if (first.rows, first.cols) != (second.rows, second.cols):
        return False
    if first.spacing != second.spacing and not np.allclose(first.spacing, second.spacing, rtol=0.01):
        return False
    return same_direction(first, second, degrees)


def same_direction(first: Frame, second: Frame, degrees: float = _SAME_DIRECTION) -> bool:
    """True where two frames are parallel and equally turned."""
    if first.orientation == second.orientation:
        return True
    rows = float(np.dot(first.orientation[:3], second.orientation[:3]))
    normals = angle_between_lines(plane_normal(first.orientation), plane_normal(second.orientation))
    return normals <= degrees and rows >= np.cos(np.radians(degrees))


def split_series(images: Sequence[Frame]) -> list[Series]:
    """Group frames by series UID, in it by plane and kind of signal; the order of `images` does not matter."""
    groups: list[list[Frame]] = []
    alike: defaultdict[tuple[str, str, Component], list[list[Frame]]] = defaultdict(list)
    for image in sorted(images, key=lambda image: (image.series_uid, image.instance_number, image.instance_uid)):
        planes = alike[image.series_uid, image.flaw, component_of(image.image_type)]
        home = next((group for group in reversed(planes) if same_plane(image, group[0])), None)
        if home is None:
            home = []
            planes.append(home)
            groups.append(home)
        home.append(image)
    return [Series(tuple(group)) for group in groups]


def centre(image: Frame) -> Vector:
    """Middle of a frame `[3]`, mm: where slices are slightly tilted, a corner tells little about their order."""
    along_row, along_column = np.asarray(image.orientation).reshape(2, 3)
    half_width, half_height = (image.cols - 1) / 2 * image.spacing[1], (image.rows - 1) / 2 * image.spacing[0]
    middle: Vector = np.asarray(image.position) + half_width * along_row + half_height * along_column
    return middle


def acquisitions(series: Series) -> list[Acquisition]:
    """The slices of a series in order of position; repeats at one position are separate acquisitions."""
    normal = series.normal
    positions = [float(centre(image) @ normal) for image in series.images]
    found: list[Acquisition] = []
    for group in cluster(positions, position_tolerance(series.first.thickness)):
        members = sorted(group)
        position = float(np.mean([positions[index] for index in members]))
        repeats = _repeats([series.images[index] for index in members])
        found += [Acquisition(order_frames(repeat), position) for repeat in repeats]
    return found


def position_tolerance(thickness: float) -> float:
    """By how much (mm) two frames of one slice may differ in position."""
    return 1.0 if np.isnan(thickness) else float(np.clip(0.25 * thickness, 0.2, 2.0))


def _plausible(times: Sequence[float]) -> bool:
    """True for distinct trigger times (ms) that step evenly through at most a few heart beats."""
    values = np.sort(np.asarray(times, dtype=float))
    if not np.isfinite(values).all():
        return False
    gaps = np.diff(values)
    if len(gaps) == 0:
        return True
    is_even = len(gaps) < 3 or float(gaps.max()) <= 6.0 * float(np.median(gaps))
    return bool(gaps.min() > 0 and is_even and values[-1] - values[0] <= _LONGEST_CYCLE)


def order_frames(images: Sequence[Frame]) -> tuple[Frame, ...]:
    """Sort the frames of one acquisition.

    By plausible trigger times, else by temporal index, else by percentage of the heart beat, else by instance number.
    """
    by_instance = sorted(images, key=lambda image: (image.instance_number, image.instance_uid))
    by_time = sorted(by_instance, key=lambda image: image.trigger_time)
    by_index = sorted(by_instance, key=lambda image: image.temporal_index)
    has_index = by_index[0].temporal_index > 0 and _tell_apart([image.temporal_index for image in images])
    if _plausible([image.trigger_time for image in images]) and (not has_index or by_time == by_index):
        return tuple(by_time)
    if has_index:
        return tuple(by_index)
    has_percent = _tell_apart([image.phase_percent for image in images])
    return tuple(sorted(by_instance, key=lambda image: image.phase_percent) if has_percent else by_instance)


def _tell_apart(values: Sequence[float]) -> bool:
    """True for known numbers of which no two are equal."""
    return bool(np.isfinite(values).all()) and len(set(values)) == len(values)


def _repeats(images: list[Frame]) -> list[list[Frame]]:
    """Split the frames of one position into acquisitions."""
    if _is_whole(images) and len(images) <= max(image.phases for image in images):
        return [images]
    by_number: dict[int, list[Frame]] = {}
    for image in images:
        by_number.setdefault(image.acquisition_number, []).append(image)
    groups = list(by_number.values())
    if len(groups) > 1 and all(_is_whole(group) for group in groups):
        return groups
    return _by_clock(images)


def _is_whole(images: list[Frame]) -> bool:
    """True for at least two frames with distinct times: they can be an acquisition of their own."""
    times = _clock(images)
    return len(images) > 1 and len(set(times)) == len(times)


def _clock(images: Sequence[Frame]) -> list[float]:
    """When each frame is in the heart beat, by the first kind of number that all have and that differs."""
    kinds = (
        [image.temporal_index or np.nan for image in images],
        [image.trigger_time for image in images],
        [image.phase_percent for image in images],
    )
    for times in kinds:
        if np.isfinite(times).all() and len(set(times)) > 1:
            return [float(time) for time in times]
    return [np.nan] * len(images)


def _by_clock(images: list[Frame]) -> list[list[Frame]]:
    """Split the frames of one position by their times: a new run begins where time does not go on."""
    ordered = sorted(images, key=lambda image: (image.instance_number, image.instance_uid))
    times = _clock(ordered)
    if any(np.isnan(times)):
        return [images]
    breaks = np.flatnonzero(np.diff(times) <= 0) + 1
    runs = [ordered[start:end] for start, end in pairwise([0, *breaks, len(ordered)])]
    has_too_many = len(images) > 1.2 * max(image.phases for image in images) > 0
    if len(runs) > 1 and (min(map(len, runs)) >= MIN_PHASES or (has_too_many and min(map(len, runs)) > 1)):
        return runs
    # Interleaved repeats: the first frame of each time is one acquisition, the second another.
    seen: Counter[float] = Counter()
    groups: list[list[Frame]] = []
    for image, time in zip(ordered, times, strict=True):
        if seen[time] == len(groups):
            groups.append([])
        groups[seen[time]].append(image)
        seen[time] += 1
    return groups


def usual_count(n_frames: Iterable[int]) -> int:
    """Most common number of frames of slices (the larger of two); 0 where none has enough for a cine."""
    counts = Counter(count for count in n_frames if count >= MIN_PHASES)
    return max(counts, key=lambda count: (counts[count], count), default=0)


def no_cine(n_frames: int) -> str:
    """Why so few frames are no cine; empty where they are enough."""
    return "" if n_frames >= MIN_PHASES else f"no cine: {n_frames} frames, fewer than {MIN_PHASES}"


def incomplete(n_frames: int, expected: int) -> str:
    """Why a slice is incomplete; empty where it has (nearly) as many frames as expected, or where 0 are."""
    is_short = expected - n_frames > max(1, round(0.1 * expected))
    return f"incomplete slice: {n_frames} of {expected} frames" if is_short else ""


def why_no_cine(cines: Sequence[Acquisition]) -> str:
    """The most common reason, where all slices of a series are incomplete; else empty."""
    usual = usual_count(len(cine.images) for cine in cines)
    reasons = [missing_frames(cine, usual) for cine in cines]
    return max(reasons, key=reasons.count) if all(reasons) else ""


def missing_frames(cine: Acquisition, usual: int) -> str:
    """Why a slice is left out; empty where it is complete.

    Args:
        cine: the slice.
        usual: number of frames of its stack, used where the scanner does not state one.
    """
    n_frames = len(cine.images)
    expected = cine.declared if cine.declared >= MIN_PHASES else usual
    return incomplete(n_frames, expected if expected >= MIN_PHASES else 0) or no_cine(n_frames)

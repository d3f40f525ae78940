"""How near-duplicates are found: speed against comparing all pairs, and limits measured on a simulated cohort.

`python -m benchmarks.duplicates` times the search among random fingerprints, of which some are planted copies.
`python -m benchmarks.duplicates --store runs/sim/store` measures the distances that docs/verification.md states.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.reexport import CHANGES, Clip
from preprocess.store.study_file import open_study, read_clip, studies_in
from preprocess.store.views import View
from preprocess.verification.duplicates import LIMIT, Clips, compare, find_duplicates
from preprocess.verification.fingerprint import N_ORIENTATIONS, fingerprint, hamming, orientations
from preprocess.verification.lsh import similar_pairs
from preprocess.verification.places import unusual_places

_VIEWS = [view.value for view in View]


def speed(n: int, n_copies: int = 1000, flips: int = 12) -> None:
    """Time `similar_pairs` on `n` random fingerprints and extrapolate all pairs from a part of them."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**64, (n, 4), dtype=np.uint64)
    for index in range(n_copies):
        copy = orientations(words[index])[index % N_ORIENTATIONS].copy()
        for bit in rng.choice(256, flips, replace=False).tolist():
            copy[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
        words[n - 1 - index] = copy
    start = time.perf_counter()
    pairs = similar_pairs(words, np.zeros(n, np.int64), np.arange(n), LIMIT)
    search = time.perf_counter() - start
    expected = {(index, n - 1 - index) for index in range(n_copies)}
    found = {(int(a), int(b)) for a, b in pairs}
    rows = min(200, n)
    start = time.perf_counter()
    for other in orientations(words):
        hamming(words[:rows, None], other[None])
    brute = (time.perf_counter() - start) * n / rows / 2
    print(f"{n} fingerprints: {search:.1f} s; all pairs, extrapolated from {rows} rows: {brute:.0f} s")
    print(f"ratio {brute / search:.0f}; found {len(found & expected)} of {n_copies} copies with {flips} flipped bits, "
          f"{len(found - expected)} others")  # fmt: skip


class _Row(NamedTuple):
    study: int
    view: int
    index: int
    position: float
    normal: npt.NDArray[np.float64]
    words: dict[str, npt.NDArray[np.uint64] | None]


def _measure(task: tuple[Path, int, tuple[str, str], bool]) -> list[_Row]:
    store, number, keys, with_changes = task
    rows = []
    with open_study(store, *keys) as file:
        for view in file:
            attrs = file[view].attrs
            spacing = (float(attrs["pixel_spacing"][0]), float(attrs["pixel_spacing"][1]))
            normal = np.cross(attrs["image_orientation"][:3], attrs["image_orientation"][3:])
            for index, origin in enumerate(attrs["image_position"]):
                clip = Clip(read_clip(file, view, index), spacing)
                words = {"": fingerprint(*clip)}
                for seed, (name, change) in enumerate(CHANGES.items() if with_changes else ()):
                    words[name] = fingerprint(*change(clip, np.random.default_rng([number, seed])))
                rows.append(_Row(number, _VIEWS.index(view), index, float(origin @ normal), normal, words))
    return rows


def _columns(rows: list[_Row], change: str, shift: int, has_geometry: bool) -> dict[str, npt.NDArray[Any]]:
    words = [row.words[change] for row in rows]
    unknown = 1.0 if has_geometry else np.nan
    return {
        "study": np.array([row.study for row in rows]) + shift,
        "view": np.array([row.view for row in rows]),
        "index": np.array([row.index for row in rows]),
        "position": np.array([row.position for row in rows]) * unknown,
        "normal": np.array([row.normal for row in rows]) * unknown,
        "words": np.array([np.zeros(4, np.uint64) if one is None else one for one in words]),
        "is_valid": np.array([one is not None for one in words]),
        "sha256": np.array([""] * len(rows)),
    }


def _clips(*parts: dict[str, npt.NDArray[Any]]) -> Clips:
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    placed = unusual_places(*(columns[name] for name in ("normal", "position", "view", "study")))
    return Clips(**columns, is_placed=placed)


def limits(store: Path, every: int, workers: int) -> None:
    """Distances of copies and of different patients, and what is found among the whole cohort."""
    keys = list(studies_in(store))
    tasks = [(store, number, one, number % every == 0) for number, one in enumerate(keys)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        rows = [row for own in pool.map(_measure, tasks, chunksize=4) for row in own]
    original = _columns(rows, "", 0, True)
    changed = [row for row in rows if len(row.words) > 1]
    references = sorted({row.study for row in changed})
    patients = np.array([patient for patient, _ in keys])
    print("| export | geometry | median, 90 %, largest distance | found | of another patient |")
    for has_geometry in (True, False):
        for change in CHANGES:
            copy = _columns(changed, change, len(keys), has_geometry)
            alone, copied = _clips(original), _clips(copy)
            distances = [
                compare(alone.take(alone.study == one), copied.take(copied.study == one + len(keys))).distance
                for one in references
            ]
            pairs = [
                (one.a, one.b - len(keys)) for one in find_duplicates(_clips(original, copy)) if one.b >= len(keys)
            ]
            hits = sum(a == b for a, b in pairs)
            false = sum(patients[a] != patients[b] for a, b in pairs)
            low, high, most = np.quantile(distances, [0.5, 0.9, 1])
            print(f"| {change} | {'kept' if has_geometry else 'lost'} | {low:.0f}, {high:.0f}, {most:.0f} | "
                  f"{hits} of {len(references)} | {false} of {len(references) * (len(keys) - 1)} |")  # fmt: skip
    _strangers(rows, patients)


def _strangers(rows: list[_Row], patients: npt.NDArray[np.str_]) -> None:
    """Median distances of all pairs of studies, over three long axes and seven short-axis slices around the middle."""
    by_study: dict[int, dict[int, list[npt.NDArray[np.uint64]]]] = {}
    for row in rows:
        words = row.words[""]
        if words is not None:
            by_study.setdefault(row.study, {}).setdefault(row.view, []).append(words)
    sax = _VIEWS.index("SAX")
    chosen: dict[int, npt.NDArray[np.uint64]] = {}
    for study, views in by_study.items():
        middle = len(views.get(sax, ())) // 2
        own = [one[0] for view, one in sorted(views.items()) if view != sax]
        own += views.get(sax, [])[max(middle - 3, 0) : middle + 4]
        if len(own) == 10:
            chosen[study] = np.array(own)
    numbers = np.array(sorted(chosen))
    words = np.array([chosen[one] for one in numbers])
    left, right = np.triu_indices(len(numbers), 1)
    medians = np.concatenate(
        [
            np.median(hamming(words[a], words[b]), axis=1)
            for a, b in zip(np.array_split(left, 50), np.array_split(right, 50), strict=True)
        ]
    )
    same = patients[numbers[left]] == patients[numbers[right]]
    for name, values in (("different patients", medians[~same]), ("one patient, two visits", medians[same])):
        quantiles = ", ".join(f"{one:.0f}" for one in np.quantile(values, [0, 1e-4, 1e-3, 1e-2, 0.5]))
        print(f"{name}: {len(values)} pairs, distance at 0, 0.01, 0.1, 1 and 50 %: {quantiles}")
    for limit in (4, 8, 12, 16, 20, 24, 28, 32, 40):
        print(f"limit {limit}: {np.mean(medians[~same] <= limit):.2e} of different patients")


def main() -> None:
    """Choose by arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fingerprints", type=int, default=100_000)
    parser.add_argument("--store", type=Path, help="measure the limits on this store")
    parser.add_argument("--every", type=int, default=6, help="studies that are exported again: one in so many")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if args.store:
        limits(args.store, args.every, args.workers)
    else:
        speed(args.fingerprints)


if __name__ == "__main__":
    main()

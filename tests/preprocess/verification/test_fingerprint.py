"""The same scan has nearly the same fingerprint whatever an export did to it; other patients' scans do not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest

from benchmarks.reexport import CHANGES, Clip
from preprocess.phantom import Scene, plan_series, sample_patient
from preprocess.store.views import View
from preprocess.verification.duplicates import (
    FEW_LIMIT,
    LIMIT,
    PLACED_LIMIT,
    Clips,
    Duplicate,
    compare,
    duplicate_groups,
    find_duplicates,
)
from preprocess.verification.fingerprint import fingerprint, hamming, orientations
from preprocess.verification.lsh import brute_force_pairs, similar_pairs
from preprocess.verification.places import same_place, unusual_places
from tests.support.reference import shared

VIEWS = ("4CH", "3CH", "2CH", "SAX")


def drawn(index: int) -> Iterator[tuple[int, int, Clip, np.ndarray, np.ndarray]]:
    """View, slice, cine, normal and origin of four planes of a simulated patient, with noise and 8 bits."""
    patient = sample_patient(11, index)
    study = patient.studies[0]
    slices = itertools.count()
    scene, rng = Scene(study.heart, study.chest), np.random.default_rng(index)
    for plan in plan_series(patient, study):
        if plan.view is None:
            continue
        for plane in plan.planes[2:6:2] if plan.view is View.SAX and len(plan.planes) > 5 else plan.planes[:1]:
            number = next(slices) if plan.view is View.SAX else 0
            cine = scene.cine(plane, plan.phases[::2], plan.contrasts[::2])
            values = cine / cine.max() * 230 + rng.normal(8, 4, cine.shape)
            points = plane.points()
            cols = cine.shape[2]
            corner, right, below = points[0], points[1], points[cols]
            spacing = (float(np.linalg.norm(below - corner)), float(np.linalg.norm(right - corner)))
            normal = np.cross((right - corner) / spacing[1], (below - corner) / spacing[0])
            clip = Clip(np.clip(values, 0, 255).astype(np.uint8), spacing)
            yield VIEWS.index(plan.view.value), number, clip, normal, corner


@pytest.fixture(scope="module")
def patients() -> list[list[tuple[int, int, Clip, np.ndarray, np.ndarray]]]:
    return [list(drawn(index)) for index in range(4)]


def clips_of(drawn_: list[Any], study: int, change: str = "", geometry: bool = True) -> Clips:
    words, valid = [], []
    for _, _, clip, _, _ in drawn_:
        changed = CHANGES[change](clip, np.random.default_rng(study)) if change else clip
        found = fingerprint(*changed)
        valid.append(found is not None)
        words.append(np.zeros(4, np.uint64) if found is None else found)
    normal = np.array([one[3] for one in drawn_]) * (1.0 if geometry else np.nan)
    view, numbers = np.array([one[0] for one in drawn_]), np.full(len(drawn_), study)
    position = np.array([one[4] @ axis for one, axis in zip(drawn_, normal, strict=True)])
    return Clips(
        numbers,
        view,
        np.array([one[1] for one in drawn_]),
        position,
        normal,
        np.array(words),
        np.array(valid),
        np.array([f"{study}-{one}" for one in range(len(drawn_))]),
        unusual_places(normal, position, view, numbers),
    )


def joined(*studies: Clips) -> Clips:
    return Clips(**{name: np.concatenate([getattr(one, name) for one in studies]) for name in vars(studies[0])})


@pytest.mark.parametrize("change", CHANGES)
def test_a_scan_exported_in_another_way_is_found_and_other_patients_are_not(patients: list[Any], change: str) -> None:
    originals = [clips_of(one, number) for number, one in enumerate(patients)]
    copy = clips_of(patients[1], 9, change)
    assert copy.is_valid.all()
    found = find_duplicates(joined(*originals, copy))
    assert [(one.a, one.b, one.kind) for one in found] == [(1, 9, "near")]


@pytest.mark.parametrize("change", ["16 bits", "resample", "crop", "pad", "frames", "JPEG", "noise", "turned"])
def test_a_copy_that_lost_its_geometry_is_found_by_the_order_of_its_slices(patients: list[Any], change: str) -> None:
    originals = [clips_of(one, number) for number, one in enumerate(patients)]
    copy = clips_of(patients[2], 9, change, geometry=False)
    backwards = copy.take(np.arange(len(copy.study))[::-1])
    found = find_duplicates(joined(*originals, backwards))
    assert [(one.a, one.b) for one in found] == [(2, 9)]


def test_different_patients_differ_by_far_more_than_the_limit(patients: list[Any]) -> None:
    studies = [clips_of(one, number) for number, one in enumerate(patients)]
    distances = [compare(a, b).distance for i, a in enumerate(studies) for b in studies[:i]]
    assert min(distances) > 2 * LIMIT > 2 * FEW_LIMIT
    assert compare(studies[0], studies[0]).distance == 0


def as_bits(words: np.ndarray) -> str:
    return "".join(f"{int(one):064b}" for one in words)


@pytest.mark.parametrize("is_numpy_1", [False, True])
def test_hamming_counts_the_bits_that_python_counts(is_numpy_1: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_numpy_1:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    words = np.random.default_rng(0).integers(0, 2**64, (20, 4), dtype=np.uint64)
    expected = [[sum(x != y for x, y in zip(as_bits(a), as_bits(b), strict=True)) for b in words] for a in words]
    np.testing.assert_array_equal(hamming(words[:, None], words[None]), expected)


def test_the_eight_orientations_are_those_of_the_turned_pixels(patients: list[Any]) -> None:
    cine, spacing = patients[0][0][2]
    words = fingerprint(cine, spacing)
    assert words is not None
    turned = orientations(words)
    shown = [cine[:, :: -1 if way & 2 else 1, :: -1 if way & 1 else 1] for way in range(4)]
    shown += [one.swapaxes(1, 2) for one in shown]
    for number, pixels in enumerate(shown):
        again = fingerprint(pixels, spacing if number < 4 else spacing[::-1])
        distances = hamming(turned, again)
        assert distances.min() <= 1, "up to a coefficient that rounds to another sign"
        assert sorted(distances)[1] > 40
    assert {int(hamming(turned, fingerprint(one, spacing)).argmin()) for one in shown[:4]} == {0, 1, 2, 3}


def test_a_fingerprint_does_not_depend_on_values_scale_or_first_frame(patients: list[Any]) -> None:
    cine, spacing = patients[0][1][2]
    words = fingerprint(cine, spacing)
    for same in (cine.astype(np.uint16) * 11 + 40, cine.astype(np.float32) / 255, np.roll(cine, 5, axis=0)):
        assert hamming(words, fingerprint(same, spacing)) <= 2


@pytest.mark.parametrize(
    "cine",
    [
        np.zeros((12, 40, 40), np.uint8),
        np.full((12, 40, 40), 77, np.uint16),
        np.tile(np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8), (12, 1, 1)),
        np.random.default_rng(0).integers(0, 255, (2, 40, 40), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 255, (12, 40, 3), dtype=np.uint8),
    ],
    ids=["black", "even", "still", "two frames", "narrow"],
)
def test_pictures_that_show_no_beating_heart_have_no_fingerprint(cine: np.ndarray) -> None:
    assert fingerprint(cine, (2.0, 2.0)) is None


def test_an_absurd_spacing_takes_no_memory() -> None:
    cine = np.random.default_rng(0).integers(0, 255, (5, 40, 40), dtype=np.uint8)
    assert fingerprint(cine, (1e6, 1e6)) is None


def planted(n: int, n_copies: int, n_flips: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random fingerprints; the last ones are turned copies of the first with some bits flipped."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**64, (n, 4), dtype=np.uint64)
    for index in range(n_copies):
        copy = orientations(words[index])[index % 8].copy()
        for bit in rng.choice(256, n_flips, replace=False).tolist():
            copy[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
        words[n - 1 - index] = copy
    return words, rng.integers(0, 4, n) * 0, np.arange(n)


def test_bit_sampling_finds_what_comparing_all_pairs_finds() -> None:
    words, classes, owners = planted(1500, 100, 8, 0)
    expected = brute_force_pairs(words, classes, owners, LIMIT)
    assert len(expected) == 100
    np.testing.assert_array_equal(similar_pairs(words, classes, owners, LIMIT), expected)


def test_bit_sampling_invents_nothing_and_finds_most_at_the_limit() -> None:
    words, classes, owners = planted(1500, 100, LIMIT, 1)
    expected = {tuple(one) for one in brute_force_pairs(words, classes, owners, LIMIT).tolist()}
    found = {tuple(one) for one in similar_pairs(words, classes, owners, LIMIT).tolist()}
    assert found <= expected
    assert len(found) > 0.6 * len(expected), "of single clips; a study has several"


def test_only_the_same_view_of_different_studies_is_compared() -> None:
    words = np.zeros((4, 4), np.uint64)
    pairs = similar_pairs(words, np.array([0, 0, 1, 1]), np.array([5, 5, 5, 7]), LIMIT)
    assert pairs.tolist() == [[5, 7]]
    assert similar_pairs(words[:0], np.zeros(0, np.int64), np.zeros(0, np.int64), LIMIT).shape == (0, 2)


def test_exact_copies_are_counted_by_their_hashes_also_without_fingerprints(patients: list[Any]) -> None:
    studies = [clips_of(one, number) for number, one in enumerate(patients)]
    both = joined(*studies)
    both.is_valid[:] = False
    shared = [np.flatnonzero(both.study == number)[:3] for number in (0, 3)]
    both.sha256[shared[1]] = both.sha256[shared[0]]
    both.sha256[both.study == 1] = both.sha256[both.study == 2] = ""
    assert find_duplicates(both) == [Duplicate(0, 3, "exact", 3, 0.0)]


def test_a_place_is_evidence_only_where_it_is_oblique_and_rare() -> None:
    rng = np.random.default_rng(0)
    oblique = np.array([0.6, 0.48, 0.64])
    normal = np.array([oblique] * 12 + [[0.0, 0, 1.0]] + [[np.nan] * 3] + [np.linalg.qr(rng.normal(size=(3, 3)))[0][0]])
    position = np.full(15, 10.0)
    known = unusual_places(normal, position, np.zeros(15, np.int64), np.arange(15))
    assert known.tolist() == [False] * 14 + [True]


def test_places_pair_studies_that_share_planes_in_two_views_whichever_way_the_normals_point() -> None:
    rng = np.random.default_rng(1)
    planes = np.array([np.linalg.qr(rng.normal(size=(3, 3)))[0][0] for _ in range(3)])
    normal = np.concatenate([planes, -planes[:2], planes[2:], planes[:1]])
    position = np.array([5.0, 6.0, 7.0, -5.2, -6.0, 30.0, 5.0])
    view, study = np.array([0, 1, 2, 0, 1, 2, 0]), np.array([0, 0, 0, 1, 1, 1, 2])
    assert same_place(normal, position, view, study).tolist() == [[0, 1]]


def test_the_limit_of_scans_in_one_place_is_wider_than_that_of_others() -> None:
    assert FEW_LIMIT < LIMIT < PLACED_LIMIT < 128


def test_groups_join_chains_of_copies_and_the_other_studies_of_their_patients() -> None:
    pairs = [("a", "b"), ("c", "b"), ("x", "y")]
    assert duplicate_groups(pairs) == [["a", "b", "c"], ["x", "y"]]
    patients = {"a": "1", "d": "1", "e": "2", "f": "3", "g": "3"}
    assert duplicate_groups(pairs, patients) == [["a", "b", "c", "d"], ["f", "g"], ["x", "y"]]


def test_a_real_cine_is_told_from_its_exports_and_from_other_patients() -> None:
    folder = shared("real/rvsc_p09/P09dicom")
    files = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    first = [one for one in files if one.ImagePositionPatient == files[0].ImagePositionPatient]
    first.sort(key=lambda one: float(one.TriggerTime))
    row, col = map(float, first[0].PixelSpacing)
    clip = Clip(np.stack([one.pixel_array for one in first]), (row, col))
    assert len(clip.cine) == 20
    words = fingerprint(*clip)
    assert words is not None
    for change in CHANGES.values():
        again = fingerprint(*change(clip, np.random.default_rng(3)))
        assert hamming(orientations(words), again).min() <= 2 * LIMIT
    for name in ("acdc", "mnms"):
        volumes = [nibabel.load(shared(f"real/cinema_examples/{name}/sax_{phase}.nii.gz")) for phase in ("ed", "es")]
        diastole, systole = (volume.get_fdata().transpose(2, 0, 1) for volume in volumes)
        spacing = tuple(map(float, volumes[0].header.get_zooms()[:2]))
        for ed, es in zip(diastole, systole, strict=True):
            other = fingerprint(np.stack([ed, (ed + es) / 2, es, (ed + es) / 2]), spacing)
            assert other is not None
            assert hamming(orientations(words), other).min() > 3 * LIMIT

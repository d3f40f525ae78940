"""Which series form one stack, which slices are of it, and what is no cine at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.store.views import View
from tests.support.factories import (
    AXIS,
    CH4,
    SAX,
    SeriesSpec,
    dataset,
    datasets,
    encode,
    files,
    orthonormal,
    write_folder,
    write_zip,
)
from tests.support.stores import as_stored, base_to_apex, convert, ledger, only_study, shuffled

WIDE = {"PixelSpacing": [15.0, 15.0]}  # few pixels, but a field of view as large as a real one


def turned(plane: tuple[float, ...], degrees: float, about: np.ndarray) -> tuple[float, ...]:
    about = about / np.linalg.norm(about)
    angle = np.radians(degrees)

    def turn(vector: np.ndarray) -> np.ndarray:
        return (
            vector * np.cos(angle) + np.cross(about, vector) * np.sin(angle)
            + about * (about @ vector) * (1 - np.cos(angle))
        )  # fmt: skip

    row, column = turn(np.array(plane[:3])), turn(np.array(plane[3:]))
    return orthonormal((*row, *column))


def test_there_is_no_limit_of_slices(tmp_path: Path) -> None:
    spec = SeriesSpec(n_slices=15)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(spec)), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(spec, base_to_apex(spec)))


def test_slices_that_are_series_of_their_own_and_slightly_tilted_are_ordered_by_their_middles(tmp_path: Path) -> None:
    """As in the UK Biobank. The corners of tilted planes are up to 13 mm off, more than slices are apart."""
    rng = np.random.default_rng(1)
    content = {}
    for number in range(10):
        plane = turned(SAX, float(rng.uniform(-2, 2)), rng.normal(size=3))
        spec = SeriesSpec(f"CINE_segmented_SAX_b{number + 1}", plane, 1, uid=f"1.2.7.{97 - number}", tags=WIDE)
        middle = AXIS * 9.0 * number
        for frame in range(spec.n_frames):
            ds = dataset(spec, number, frame)
            half = 15.0 * (np.array(spec.size[::-1]) - 1) / 2
            corner = middle - half[0] * np.array(plane[:3]) - half[1] * np.array(plane[3:])
            ds.ImagePositionPatient, ds.SOPInstanceUID = [f"{value:.6f}" for value in corner], f"{spec.uid}.{frame}"
            content[f"b{number}/{frame}"] = encode(ds)
    store = convert(tmp_path / "store", write_folder(tmp_path / "in", shuffled_by_folder(content)), bits=16)
    stack = only_study(store).views[View.SAX]
    np.testing.assert_array_equal(stack.pixels, as_stored(SeriesSpec(n_slices=10)))
    assert set(ledger(store).outcome) == {"stored"}


def shuffled_by_folder(content: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{hash(name.split('/')[0]) % 1000}/{name}": data for name, data in shuffled_items(content)}


def shuffled_items(content: dict[str, bytes]) -> list[tuple[str, bytes]]:
    items = list(content.items())
    order = np.random.default_rng(2).permutation(len(items))
    return [items[index] for index in order]


def test_a_slice_of_another_matrix_is_left_out_with_that_reason(tmp_path: Path) -> None:
    whole = SeriesSpec(n_slices=5)
    odd = SeriesSpec("SAX_FIESTA_BH", n_slices=1, size=(26, 20), first_position=40.0, uid="1.2.9")
    spaced = SeriesSpec("SAX_FIESTA_BH", n_slices=1, first_position=48.0, uid="1.2.10", tags={"PixelSpacing": [2, 2]})
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(odd, spaced, whole)), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(whole, base_to_apex(whole)))
    rows = ledger(store)
    reason = "another matrix or pixel spacing than the SAX stack that was used"
    assert rows[rows.outcome == "left_out"].reason.tolist() == [reason, reason]


@pytest.mark.parametrize("n_slices", [3, 5])
def test_a_stack_of_long_axes_is_stored_whole(tmp_path: Path, n_slices: int) -> None:
    spec = SeriesSpec("4CH_FIESTA_BH", CH4, n_slices)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(spec)), bits=16)
    stored = only_study(store).views[View.CH4].pixels
    assert stored.shape[0] == n_slices
    assert sorted(stored[:, 0, 0, 0]) == [100 * number for number in range(n_slices)]


def test_a_stack_of_long_axes_with_a_series_for_each_slice_is_joined(tmp_path: Path) -> None:
    whole = SeriesSpec("4CH_FIESTA_BH", CH4, 4)
    images = datasets(whole)
    for index, ds in enumerate(images):
        ds.SeriesInstanceUID = f"1.2.5.{9 - index // whole.n_frames}"
    content = {str(index): encode(ds) for index, ds in enumerate(images)}
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", shuffled(content, 1)), bits=16)
    assert sorted(only_study(store).views[View.CH4].pixels[:, 0, 0, 0]) == [0, 100, 200, 300]
    assert ledger(store).outcome.tolist() == ["stored"] * 4


@pytest.mark.parametrize("how", ["turned", "same place", "far away"])
def test_a_long_axis_that_was_planned_again_is_not_joined_and_the_latest_is_used(tmp_path: Path, how: str) -> None:
    first = SeriesSpec("4CH_FIESTA_BH", CH4, 1, level=1, acquired="100000")
    plane = turned(CH4, 2.0, AXIS) if how == "turned" else CH4
    place = {"turned": 6.0, "same place": 0.0, "far away": 60.0}[how]
    again = replace(first, orientation=plane, first_position=place, level=2, acquired="103000", uid="1.2.9")
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(first, again)), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.CH4].pixels, as_stored(again))
    assert ledger(store).outcome.tolist().count("left_out") == 1


def flow_pair(**tags: object) -> tuple[SeriesSpec, SeriesSpec]:
    """Magnitude and phase of a scan with a harmless name, in a plane that looks like a short axis."""
    magnitude = SeriesSpec("cine", SAX, 1, uid="1.2.6.1", acquired="111500", level=3, first_position=70.0)
    types = {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"], **tags}
    return magnitude, replace(magnitude, uid="1.2.6.2", tags=types, level=4)


def test_the_magnitude_of_a_flow_scan_is_left_out_where_its_phase_is_another_series(tmp_path: Path) -> None:
    cine = SeriesSpec(n_slices=3)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(cine, *flow_pair())), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(cine, base_to_apex(cine)))
    assert sorted(row for row in ledger(store).reason if "flow" in row) == [
        "image type: phase contrast (flow)",
        "image type: phase contrast (flow), the magnitude of a flow scan",
    ]


def test_the_magnitude_of_a_flow_scan_is_left_out_where_both_are_one_series(tmp_path: Path) -> None:
    magnitude, phase = flow_pair()
    images = datasets(magnitude) + datasets(phase)
    for index, ds in enumerate(images):
        ds.SeriesInstanceUID, ds.InstanceNumber = "1.2.6.9", index % magnitude.n_frames * 2 + index // 12
    content = {str(index): encode(ds) for index, ds in enumerate(images)}
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), code=1)
    assert ledger(store).reason.str.contains("flow").all()


def test_a_cine_beside_a_flow_scan_of_another_time_is_kept(tmp_path: Path) -> None:
    cine = SeriesSpec(n_slices=1, acquired="100000")
    _, phase = flow_pair()
    at_its_place = replace(phase, first_position=0.0)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(cine, at_its_place)), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(cine))


def test_dates_without_times_make_no_cine_a_flow_scan(tmp_path: Path) -> None:
    """Times are often removed; then nothing tells that the scans were one."""
    cine = SeriesSpec(n_slices=1, acquired="")
    _, phase = flow_pair()
    other = replace(phase, first_position=0.0, acquired="")
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", files(cine, other)), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(cine))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"PhaseContrast": "YES"}, "image type: phase contrast (flow)"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M_PCA", "M", "PCA"]}, "image type: phase contrast (flow)"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "R", "ND"]}, "image type: real or imaginary part"),
        ({"BurnedInAnnotation": "YES"}, "annotation burned into the pixels"),
        ({"BitsAllocated": 32}, "pixels of 32 bits (8 and 16 are read)"),
        ({"SeriesDescription": "InlineVF SAX cine"}, "description: overlay or derived result"),
    ],
)
def test_what_looks_like_a_cine_and_is_none_is_left_out(tmp_path: Path, tags: dict[str, object], reason: str) -> None:
    images = datasets(SeriesSpec(n_slices=1, tags=tags))
    for ds in images:
        ds.PixelData = ds.PixelData * (2 if tags.get("BitsAllocated") == 32 else 1)
    content = {str(index): encode(ds) for index, ds in enumerate(images)} | files(SeriesSpec("4CH", CH4, 1, uid="1.9"))
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert set(only_study(store).views) == {View.CH4}
    rows = ledger(store)
    assert rows[rows.outcome == "left_out"].reason.tolist() == [reason]


@pytest.mark.parametrize("flag", [{}, {"BurnedInAnnotation": "NO"}, {"BurnedInAnnotation": ""}])
def test_images_without_a_burned_in_annotation_are_kept(tmp_path: Path, flag: dict[str, str]) -> None:
    content = files(SeriesSpec(n_slices=1, tags=flag))
    assert set(only_study(convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))).views) == {View.SAX}


def test_colour_screenshots_are_left_out(tmp_path: Path) -> None:
    content = files(SeriesSpec("4CH", CH4, 1, uid="1.9"))
    for index, ds in enumerate(datasets(SeriesSpec(n_slices=1))):
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        ds.PixelData = bytes(3 * ds.Rows * ds.Columns)
        content[f"rgb{index}"] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content))
    assert set(only_study(store).views) == {View.CH4}
    assert "colour image (a screenshot or overlay)" in set(ledger(store).reason)


def test_frames_are_ordered_by_the_percentage_of_the_heart_beat_where_nothing_else_says_it(tmp_path: Path) -> None:
    spec = SeriesSpec(n_slices=2)
    content = {}
    for index, ds in enumerate(datasets(spec)):
        del ds.TriggerTime, ds.InstanceNumber
        ds.NominalPercentageOfCardiacPhase = 100.0 * (index % spec.n_frames) / spec.n_frames
        ds.SOPInstanceUID = f"1.2.8.{1000 - index}"
        content[str(index)] = encode(ds)
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", shuffled(content, 3)), bits=16)
    stack = only_study(store).views[View.SAX]
    np.testing.assert_array_equal(stack.pixels, as_stored(spec, base_to_apex(spec)))
    assert np.isnan(stack.trigger_time).all()


def test_a_temporal_index_that_never_changes_hides_no_repeat(tmp_path: Path) -> None:
    first = SeriesSpec(n_slices=1, level=1, acquired="101500")
    second = replace(first, level=2, acquired="102000")
    images = datasets(first) + datasets(second)
    for index, ds in enumerate(images):
        ds.TemporalPositionIdentifier, ds.InstanceNumber, ds.SOPInstanceUID = 1, index + 1, f"1.2.8.{index}"
    content = {str(index): encode(ds) for index, ds in enumerate(images)}
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    np.testing.assert_array_equal(only_study(store).views[View.SAX].pixels, as_stored(second))

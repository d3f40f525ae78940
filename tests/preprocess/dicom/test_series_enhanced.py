"""Enhanced MR: stacks, several files, orders of frames, and every way to say when a frame was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.store.views import View
from tests.support.factories import CH4, SAX, SeriesSpec, write_zip
from tests.support.multiframe import (
    Groups,
    Timing,
    by_actual_trigger,
    by_converted,
    by_dimension,
    by_index,
    by_percent,
    by_percent_and_interval,
    by_trigger,
    enhanced_file,
    every,
)
from tests.support.stores import as_stored, base_to_apex, convert, ledger, only_study

SPEC = SeriesSpec(n_slices=3)


def shuffled_frames(*specs: SeriesSpec) -> list[tuple[SeriesSpec, int, int]]:
    frames = [frame for spec in specs for frame in every(spec)]
    order = np.random.default_rng(4).permutation(len(frames))
    return [frames[index] for index in order]


def stored(tmp_path: Path, **content: bytes) -> dict[View, np.ndarray]:
    store = convert(tmp_path / "store", write_zip(tmp_path / "a.zip", content), bits=16)
    return {view: stack.pixels for view, stack in only_study(store).views.items()}


@pytest.mark.parametrize(
    "timing",
    [by_trigger, by_actual_trigger, by_index, by_dimension, by_percent, by_percent_and_interval, by_converted],
    ids=lambda timing: timing.__name__,
)
def test_frames_in_any_order_are_sorted_by_whatever_says_when_they_were(tmp_path: Path, timing: Timing) -> None:
    views = stored(tmp_path, one=enhanced_file(shuffled_frames(SPEC), timing))
    np.testing.assert_array_equal(views[View.SAX], as_stored(SPEC, base_to_apex(SPEC)))


def test_trigger_times_follow_from_percentage_and_heart_beat(tmp_path: Path) -> None:
    for timing, expected in ((by_percent_and_interval, 40.0), (by_percent, np.nan)):
        source = write_zip(tmp_path / f"{expected}.zip", {"one": enhanced_file(every(SPEC), timing)})
        stack = only_study(convert(tmp_path / f"store{expected}", source)).views[View.SAX]
        np.testing.assert_allclose(stack.trigger_time[0], expected * np.arange(SPEC.n_frames))


def test_stacks_of_one_file_become_views_of_their_own(tmp_path: Path) -> None:
    sax = replace(SPEC, description="", uid="1.2.3.1")
    long_axis = SeriesSpec("", CH4, 1, uid="1.2.3.2", level=2)
    views = stored(tmp_path, one=enhanced_file(shuffled_frames(sax, long_axis), by_trigger))
    assert set(views) == {View.SAX, View.CH4}
    np.testing.assert_array_equal(views[View.SAX], as_stored(sax, base_to_apex(sax)))
    np.testing.assert_array_equal(views[View.CH4], as_stored(long_axis))


@pytest.mark.parametrize("axis", ["slice", "frame"])
def test_a_stack_in_several_files_is_put_together(tmp_path: Path, axis: str) -> None:
    frames, place = every(SPEC), 1 if axis == "slice" else 2
    numbers = sorted({one[place] for one in frames}, reverse=True)
    files = {
        f"f{number}": enhanced_file(
            [one for one in frames if one[place] == number], by_trigger, uid=f"1.2.3.{number + 1}", number=number + 1
        )
        for number in numbers
    }
    np.testing.assert_array_equal(stored(tmp_path, **files)[View.SAX], as_stored(SPEC, base_to_apex(SPEC)))


def test_a_file_for_each_phase_without_any_time_goes_by_the_numbers_of_the_files(tmp_path: Path) -> None:
    files = {
        f"{99 - frame}": enhanced_file(
            [one for one in every(SPEC) if one[2] == frame], uid=f"1.2.3.{50 - frame}", number=frame + 1
        )
        for frame in range(SPEC.n_frames)
    }
    np.testing.assert_array_equal(stored(tmp_path, **files)[View.SAX], as_stored(SPEC, base_to_apex(SPEC)))


@pytest.mark.parametrize("n_frames", [(12, 15), (15, 12), (12, 12)])
def test_repeats_in_two_files_stay_apart_and_the_most_complete_then_latest_is_used(
    tmp_path: Path, n_frames: tuple[int, int]
) -> None:
    first, second = (replace(SPEC, n_frames=n, level=level) for n, level in zip(n_frames, (1, 2), strict=True))
    files = {
        f"{number}": enhanced_file(
            every(spec),
            by_trigger,
            uid=f"1.2.3.{number}",
            number=number,
            tags={"AcquisitionDateTime": f"2020060110{number}500"},
        )
        for number, spec in enumerate((first, second), start=1)
    }
    expected = first if n_frames[0] > n_frames[1] else second
    np.testing.assert_array_equal(stored(tmp_path, **files)[View.SAX], as_stored(expected, base_to_apex(expected)))
    reason = "repeated acquisition" if n_frames[0] == n_frames[1] else "incomplete slice: 12 of 15 frames"
    assert ledger(tmp_path / "store").reason.str.startswith(reason).sum() == SPEC.n_slices


def test_repeats_in_one_file_are_told_apart_by_their_acquisition_number(tmp_path: Path) -> None:
    first, second = replace(SPEC, level=1), replace(SPEC, level=2)
    frames = every(first) + every(second)

    def numbered(index: int) -> Groups:
        number = 1 + (frames[index][0] is second)
        return {"FrameContentSequence": {"FrameAcquisitionNumber": number}}

    views = stored(tmp_path, one=enhanced_file(frames, by_trigger, extra=numbered))
    np.testing.assert_array_equal(views[View.SAX], as_stored(second, base_to_apex(second)))


def test_frames_may_have_a_rescale_of_their_own(tmp_path: Path) -> None:
    def scaled(index: int) -> Groups:
        return {"PixelValueTransformationSequence": {"RescaleSlope": 1 + index % 2, "RescaleIntercept": 0}}

    spec = replace(SPEC, n_slices=1)
    pixels = stored(tmp_path, one=enhanced_file(every(spec), by_trigger, extra=scaled))[View.SAX]
    factors = np.array([1 + frame % 2 for frame in range(spec.n_frames)])
    np.testing.assert_array_equal(pixels[0], as_stored(spec)[0] * factors[:, None, None])


def test_a_converted_file_is_read_like_an_enhanced_one(tmp_path: Path) -> None:
    legacy = "1.2.840.10008.5.1.4.1.1.4.4"
    data = enhanced_file(shuffled_frames(SPEC), by_converted, tags={"SOPClassUID": legacy})
    np.testing.assert_array_equal(stored(tmp_path, one=data)[View.SAX], as_stored(SPEC, base_to_apex(SPEC)))


@pytest.mark.parametrize(
    "kind",
    [
        {"MRModifierSequence": {"PhaseContrast": "YES"}},
        {"MRImageFrameTypeSequence": {"FrameType": ["ORIGINAL", "PRIMARY", "VELOCITY MAP", "NONE"]}},
        {"MRImageFrameTypeSequence": {"ComplexImageComponent": "PHASE"}},
        {"MRImageFrameTypeSequence": {"ComplexImageComponent": "REAL"}},
    ],
)
def test_frames_that_are_no_magnitude_of_a_cine_are_left_out(tmp_path: Path, kind: Groups) -> None:
    cine, other = replace(SPEC, uid="1.2.3.1"), replace(SPEC, uid="1.2.3.1", level=3, orientation=CH4)
    frames = every(cine) + every(other)
    data = enhanced_file(frames, by_trigger, extra=lambda index: kind if frames[index][0] is other else {})
    np.testing.assert_array_equal(stored(tmp_path, one=data)[View.SAX], as_stored(cine, base_to_apex(cine)))
    assert ledger(tmp_path / "store").reason.str.startswith("image type:").sum() == 1


def test_magnitude_and_phase_in_one_file_are_both_left_out(tmp_path: Path) -> None:
    cine = replace(SPEC, uid="1.2.3.1", description="SAX cine")
    flow = SeriesSpec("cine", SAX, 1, uid="1.2.3.2", first_position=50)
    frames = every(flow) + every(flow)

    def kinds(index: int) -> Groups:
        kind = "M" if index < flow.n_frames else "P"
        return {"MRImageFrameTypeSequence": {"FrameType": ["ORIGINAL", "PRIMARY", kind, "NONE"]}}

    files = {"a": enhanced_file(every(cine), by_trigger), "b": enhanced_file(frames, by_trigger, uid="9", extra=kinds)}
    views = stored(tmp_path, **files)
    np.testing.assert_array_equal(views[View.SAX], as_stored(cine, base_to_apex(cine)))
    reasons = ledger(tmp_path / "store").reason.tolist()
    assert sorted(reason for reason in reasons if "flow" in reason) == [
        "image type: phase contrast (flow)",
        "image type: phase contrast (flow), the magnitude of a flow scan",
    ]

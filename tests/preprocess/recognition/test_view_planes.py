"""What the planes of a study say together: names are blank, so that only geometry is left."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from preprocess.cines.series import Series, split_series
from preprocess.dicom.reading import read_images
from preprocess.geometry import angle_between_lines, plane_normal, unit
from preprocess.phantom import patients
from preprocess.phantom.anatomy.arrays import unit as phantom_unit
from preprocess.phantom.anatomy.pose import Pose, rotation, sample_pose
from preprocess.recognition.angles import across, rotation_about
from preprocess.recognition.planes import Plane, estimate_axis, judge_planes, misses_left_ventricle, name_rotations
from preprocess.recognition.recognise import recognise
from preprocess.store.views import View
from tests.support.factories import AXIAL, AXIS, CH2, CH3, CH4, SAX
from tests.support.reference import shared
from tests.support.simulated_planes import blank_study, is_cine, the_patients

LONG_AXES = {View.CH4, View.CH3, View.CH2}
CENTRE = np.array([28.0, -12.0, 22.0])


def any_pose(rng: np.random.Generator) -> Pose:
    """Hearts that lie more differently than the phantom's: axis ±12° (at most 30°), roll ±12° (at most 25°)."""
    middle, lateral = phantom_unit(np.array([0.7, -0.5, -0.5])), np.array([0.62, 0.77, 0.10])
    apex = rotation(phantom_unit(np.cross(middle, rng.standard_normal(3))), float(np.clip(rng.normal(0, 12), -30, 30)))
    axis = apex @ middle
    turned = rotation(axis, float(np.clip(rng.normal(0, 12), -25, 25))) @ lateral
    lateral = phantom_unit(turned - axis * (turned @ axis))
    return Pose(CENTRE + rng.uniform(-8, 8, 3), np.stack([lateral, np.cross(axis, lateral), axis], axis=1))


@cache
def studies(pose: Callable[[np.random.Generator], Pose]) -> list[list[tuple[View | None, Series, bool]]]:
    """The series of 200 patients of three vendors: true view, the series, whether it has a cine's frames."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patients, "sample_pose", pose)
        people = the_patients(200)
    assert {person.vendor.key for person in people} == {"siemens", "philips", "ge"}
    return [
        [(plan.view, one, is_cine([one])[0]) for plan, group in blank_study(person) for one in group]
        for person in people
    ]


def outcomes(pose: Callable[[np.random.Generator], Pose], views: Collection[View]) -> tuple[float, int]:
    """Share of the cines of these views that are recognised, and how many other series are taken for one."""
    right, accepted = [], 0
    for study in studies(pose):
        held = [one for one in study if one[0] is None or one[0] in views]
        decisions = recognise([series for _, series, _ in held], [cine for _, _, cine in held])
        for (truth, _, _), decision in zip(held, decisions, strict=True):
            if truth is None:
                accepted += decision.view is not None
            else:
                right.append(decision.view is truth)
    assert len(right) >= 200 * len(views)
    return float(np.mean(right)), accepted


@pytest.mark.parametrize("pose", [sample_pose, any_pose])
def test_geometry_alone_names_the_series_of_200_patients(pose: Callable[[np.random.Generator], Pose]) -> None:
    share, accepted = outcomes(pose, set(View))
    assert share >= 0.99
    assert accepted == 0


@pytest.mark.parametrize("pose", [sample_pose, any_pose])
@pytest.mark.parametrize("views", [LONG_AXES, LONG_AXES - {View.CH2}, LONG_AXES - {View.CH4}])
def test_geometry_alone_names_long_axes_without_a_short_axis(
    pose: Callable[[np.random.Generator], Pose], views: set[View]
) -> None:
    share, accepted = outcomes(pose, views)
    assert share >= (0.99 if views == LONG_AXES or pose is sample_pose else 0.97)
    assert accepted == 0


def test_the_real_short_axis_is_recognised_without_its_name() -> None:
    folder = shared("real/rvsc_p09/P09dicom")
    images = [image for path in sorted(folder.glob("*.dcm")) for image in read_images(path.read_bytes())]
    series = split_series([replace(image, description="") for image in images])
    found = recognise(series, is_cine(series))
    assert [one.view for one in found] == [View.SAX] * len(series)
    assert min(one.confidence for one in found) > 0.8


def plane(orientation: tuple[float, ...], **changes: object) -> Plane:
    return replace(Plane(plane_normal(orientation), CENTRE), **changes)  # type: ignore[arg-type]


def turned(orientation: tuple[float, ...], about: np.ndarray, degrees: float) -> tuple[float, ...]:
    matrix = rotation(np.asarray(about), degrees)
    return tuple(float(value) for value in (matrix @ np.reshape(orientation, (2, 3)).T).T.ravel())


def views_of(*planes: Plane) -> list[View | None]:
    return [one.view for one in judge_planes(planes)]


def test_two_long_axes_give_the_axis_without_a_short_axis() -> None:
    about = np.cross(AXIS, (0.0, 0.0, 1.0))
    lying = [plane(turned(one, about, 25.0)) for one in (CH4, CH2, CH3)]
    truth = rotation(about, 25.0) @ AXIS
    alone, is_own = estimate_axis([])
    found, found_own = estimate_axis(lying)
    assert not is_own
    assert found_own
    assert angle_between_lines(found, truth) < 6.0 < 20.0 < angle_between_lines(alone, truth)


@pytest.mark.parametrize("roll", [-25.0, -10.0, 10.0, 25.0])
def test_views_follow_each_other_whatever_the_hearts_roll(roll: float) -> None:
    rolled = [plane(turned(one, AXIS, roll)) for one in (CH4, CH2, CH3)]
    assert views_of(plane(SAX), *rolled) == [View.SAX, View.CH4, View.CH2, View.CH3]


def test_a_named_view_is_an_anchor_for_the_unnamed() -> None:
    four, two = (plane(turned(one, AXIS, -38.0)) for one in (CH4, CH2))
    named = replace(four, named=View.CH4)
    assert views_of(plane(SAX), two) != [View.SAX, View.CH2]  # a roll this far is another view by itself
    assert views_of(plane(SAX), named, two) == [View.SAX, View.CH4, View.CH2]


def test_repeats_of_a_view_keep_their_view() -> None:
    again = plane(turned(CH4, AXIS, 4.0))
    assert views_of(plane(CH4), again, plane(CH2)) == [View.CH4, View.CH4, View.CH2]


def test_a_stack_far_from_the_populations_axis_is_short_axis_by_its_depth() -> None:
    about = np.cross(AXIS, (0.0, 0.0, 1.0))
    unusual = plane(turned(SAX, about, 38.0))
    assert views_of(unusual) == [None]
    assert views_of(replace(unusual, depth=72.0)) == [View.SAX]


def test_a_parallel_plane_beside_the_others_is_not_of_the_left_ventricle() -> None:
    normal = plane_normal(CH2)
    right = normal if normal @ (1.0, 0.0, 0.0) < 0 else -normal
    beside = plane(CH2, centre=CENTRE + 45.0 * right)
    near = plane(CH2, centre=CENTRE + 8.0 * right)
    assert views_of(plane(CH4), plane(CH2), plane(CH3), beside) == [View.CH4, View.CH2, View.CH3, None]
    assert views_of(plane(CH4), near, plane(CH3)) == [View.CH4, View.CH2, View.CH3]
    assert views_of(plane(SAX), plane(CH4), beside) == [View.SAX, View.CH4, None]
    assert misses_left_ventricle([plane(CH4), beside], AXIS) == [False, False]  # two planes always meet
    assert views_of(plane(CH4), plane(CH3), replace(beside, named=View.CH2))[2] is View.CH2  # a name stands


def test_the_order_and_the_sense_of_planes_do_not_matter() -> None:
    planes = [plane(SAX), plane(CH4), plane(CH2), plane(CH3), plane(AXIAL)]
    expected = [View.SAX, View.CH4, View.CH2, View.CH3, None]
    assert views_of(*planes) == expected
    rng = np.random.default_rng(3)
    for _ in range(20):
        order = rng.permutation(len(planes))
        mixed = [replace(planes[one], normal=planes[one].normal * rng.choice([-1.0, 1.0])) for one in order]
        assert views_of(*mixed) == [expected[one] for one in order]


def test_many_and_no_planes_are_judged() -> None:
    assert judge_planes([]) == []
    around = [plane((*map(float, AXIS), *map(float, unit(np.cross(AXIS, rotation(AXIS, angle) @ SAX[:3])))))
              for angle in range(0, 180, 12)]  # fmt: skip
    assert {one.view for one in judge_planes(around)} == LONG_AXES
    zero = Plane(np.zeros(3), CENTRE)
    assert views_of(zero, plane(SAX)) == [None, View.SAX]


def test_a_dynamic_without_trigger_times_is_no_view_unless_named_or_declared_a_cine() -> None:
    def study(description: str, phases: int = 0) -> list[Series]:
        person = the_patients(1)[0]
        series = [one for plan, group in blank_study(person) if plan.view is View.SAX for one in group]
        return [
            Series(
                tuple(
                    replace(image, trigger_time=float("nan"), description=description, phases=phases)
                    for image in one.images
                )
            )
            for one in series
        ]

    unnamed, named, declared = study(""), study("cine sax"), study("", phases=25)
    assert all(one.view is None and "trigger" in one.reason for one in recognise(unnamed, is_cine(unnamed)))
    assert all(one.view is View.SAX for one in recognise(named, is_cine(named)))
    assert all(one.view is View.SAX for one in recognise(declared, is_cine(declared)))


def rotated(degrees: float) -> Plane:
    """A plane through the axis, this far from the lateral wall towards the anterior one."""
    lateral, anterior = across(AXIS)
    side = np.cos(np.radians(degrees)) * lateral + np.sin(np.radians(degrees)) * anterior
    assert rotation_about(np.cross(AXIS, side), AXIS) == pytest.approx(degrees % 180.0)
    return Plane(np.cross(AXIS, side), CENTRE)


@pytest.mark.parametrize(
    ("degrees", "views"),
    [
        ((35.0, 107.0, 155.0), (View.CH4, View.CH2, View.CH3)),
        ((12.0, 84.0, 132.0), (View.CH4, View.CH2, View.CH3)),  # all turned by −23°
        ((98.0, 118.0), (View.CH2, View.CH3)),  # both nearest to 2CH, but different planes
        ((102.0, 112.0), (View.CH2, View.CH2)),  # repeats
        ((172.0, 2.0, 120.0, 50.0), (View.CH3, View.CH3, View.CH2, View.CH4)),  # repeats on both sides of 180°
    ],
)
def test_rotations_are_named_together(degrees: tuple[float, ...], views: tuple[View, ...]) -> None:
    found = name_rotations([rotated(one) for one in degrees], AXIS)
    assert tuple(one.view for one in found) == views
    assert all(0.4 <= one.confidence <= 0.8 for one in found)


def test_a_plane_between_two_views_is_less_sure() -> None:
    (between,) = name_rotations([rotated(131.0)], AXIS)
    (plain,) = name_rotations([rotated(107.0)], AXIS)
    assert between.confidence < 0.5 < 0.7 < plain.confidence


@pytest.mark.parametrize(("anchor", "view"), [(20.0, View.CH3), (50.0, View.CH2)])
def test_the_roll_of_a_named_view_decides_between_two_others(anchor: float, view: View) -> None:
    named = replace(rotated(anchor), named=View.CH4)
    assert [one.view for one in name_rotations([named, rotated(131.0)], AXIS)] == [View.CH4, view]

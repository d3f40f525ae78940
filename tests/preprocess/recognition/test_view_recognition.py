"""Views by description (also of names never seen) and by geometry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from preprocess.geometry import plane_normal, unit
from preprocess.recognition.angles import by_geometry, long_axis
from preprocess.recognition.names import by_description
from preprocess.recognition.recognise import recognise
from preprocess.store.views import View
from tests.support.factories import AXIAL, AXIS, CH2, CH3, CH4, SAX, SeriesSpec, read_series
from tests.support.reference import shared

REAL_PLANE = (
    0.4976924610248,
    0.8369959855186,
    -0.2274641388543,
    -0.4739001367477,
    0.0427634094601,
    -0.8795396245775,
)


@pytest.mark.parametrize(
    ("description", "view"),
    [
        ("Cine 4 chambers", View.CH4),
        ("four-chamber trufi cine", View.CH4),
        ("CINE 4 cavités", View.CH4),
        ("cine_4-Kammerblick", View.CH4),
        ("TFE_LV4CH", View.CH4),
        ("s4Ch_bSSFP_retro", View.CH4),
        ("2C cine", View.CH2),
        ("LAX2CH_cine", View.CH2),
        ("zwei kammer cine", View.CH2),
        ("cine 3CV", View.CH3),
        ("LVOT cine BH", View.CH3),
        ("bTFE Short Axis 12 slices", View.SAX),
        ("cine petit axe", View.SAX),
        ("Kurzachse cine", View.SAX),
        ("SAX12_ssfp", View.SAX),
        ("cine sax LV RV function", View.SAX),
        ("cine_SHORT_AX_base-apex", View.SAX),
    ],
)
def test_names_of_views(description: str, view: View) -> None:
    decision = by_description(description)
    assert decision.view is view
    assert decision.primary
    assert decision.confidence >= 0.7


@pytest.mark.parametrize(
    "description",
    [
        "SAX scout", "localiser 4CH", "3-plane 2CH", "4CH LGE", "SAX_PSIR_TI300", "2ch delayed enhancement",
        "T1map_SAX", "T2-MAP 4CH", "MOLLI sax", "SAX stress perfusion", "first pass SA", "SAX tagging grid",
        "Ao flow venc150 SAX", "4D flow 4CH", "RV 3CH cine", "RVOT cine", "cine SAX InlineVF", "axial cine",
        "cine transversal", "SAG cine", "aortic valve cine", "SAX STIR", "tse db sax", "sax cine test",
        "realtime cine SAX", "DefineLongaxis 4CH", "SAX T2*", "IR 4ch",
    ],
)  # fmt: skip
def test_lookalikes_are_excluded_for_good(description: str) -> None:
    decision = by_description(description)
    assert decision.view is None
    assert decision.final


@pytest.mark.parametrize("description", ["", "PROT VD FEVD", "cine", "4CH and 2CH cine", "VLAX_FIESTA", "trufi sax"])
def test_names_that_say_too_little_are_left_open(description: str) -> None:
    decision = by_description(description)
    assert decision.view is None
    assert not decision.final


def test_reasons_quote_nothing() -> None:
    assert "zaphod" not in by_description("Zaphod 4CH loc").reason.lower()
    assert "zaphod" not in by_description("Zaphod cine").reason.lower()


@pytest.mark.parametrize("name", ["series_descriptions.csv", "ukbiobank_series_descriptions.csv"])
def test_precision_and_recall_on_four_hospitals(name: str) -> None:
    table = pd.read_csv(shared(f"reference/{name}"), keep_default_na=False)
    decisions = [by_description(text) for text in table["series_description"]]
    table["found"] = [decision.view.value if decision.view and decision.primary else "" for decision in decisions]
    views = {view.value for view in View}
    wanted, found = table["view"].isin(views), table["found"] != ""
    right = table["count"][wanted & (table["view"] == table["found"])].sum()
    assert right / table["count"][found].sum() >= 0.97
    assert right / table["count"][wanted].sum() >= 0.97
    lookalike = table["series_description"].str.contains(
        r"loc|scout|survey|define|rv|psir|dhe|dme|mde|_de_|delay|viab|perf|first_pass|molli|t1.?map|t2.?map|t2\*|t1g",
        case=False,
        regex=True,
    )
    assert lookalike.any()
    assert not table[lookalike & found]["series_description"].tolist()


@pytest.mark.parametrize(("plane", "view"), [(SAX, View.SAX), (CH4, View.CH4), (CH2, View.CH2), (CH3, View.CH3)])
@pytest.mark.parametrize("own", [True, False])
def test_planes(plane: tuple[float, ...], view: View, own: bool) -> None:
    axis = AXIS if own else long_axis([])
    turned = (*plane[3:], *(-value for value in plane[:3]))
    flipped = (*(-value for value in plane[:3]), *plane[3:])
    assert [by_geometry(one, axis, own_axis=own).view for one in (plane, turned, flipped)] == [view] * 3


def test_the_real_plane_is_short_axis() -> None:
    decision = by_geometry(REAL_PLANE, long_axis([]), own_axis=False)
    assert decision.view is View.SAX
    assert decision.confidence > 0.8


@pytest.mark.parametrize("plane", [AXIAL, (1.0, 0, 0, 0, 0, -1.0), (0, 1.0, 0, 0, 0, -1.0), (0.0,) * 6])
def test_body_planes_are_no_views(plane: tuple[float, ...]) -> None:
    assert by_geometry(plane, long_axis([]), own_axis=False).view is None


def test_a_mean_axis_does_not_depend_on_signs() -> None:
    normal = plane_normal(SAX)
    np.testing.assert_allclose(long_axis([normal, -normal]), AXIS, atol=1e-9)


def test_the_studys_own_axis_beats_the_populations() -> None:
    rotation = _rotation(np.cross(AXIS, (0.0, 0.0, 1.0)), 38.0)
    turn = [tuple((rotation @ np.reshape(plane, (2, 3)).T).T.ravel()) for plane in (SAX, CH4)]
    unusual, four = turn
    assert by_geometry(unusual, long_axis([]), own_axis=False).view is None
    named = SeriesSpec("SAX_cine", unusual, 1, uid="1.1")
    blank = SeriesSpec("cine", four, 1, uid="1.2")
    again = SeriesSpec("cine", unusual, 1, uid="1.3")
    found = recognise(read_series(named, blank, again), [True] * 3)
    assert [decision.view for decision in found] == [View.SAX, View.CH4, View.SAX]


def _rotation(axis: np.ndarray, degrees: float) -> np.ndarray:
    x, y, z = unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def test_geometry_overrules_no_exclusion_and_no_still_image() -> None:
    scout = SeriesSpec("SAX scout", SAX, 1, uid="1.1")
    phase = SeriesSpec("whatever", SAX, 1, uid="1.2", tags={"ImageType": ["ORIGINAL", "PRIMARY", "P"]})
    velocity = SeriesSpec("whatever", SAX, 1, uid="1.3", tags={"SequenceName": "*fl2d1_v150in"})
    still = SeriesSpec("whatever", SAX, 1, uid="1.4")
    screen = SeriesSpec("SAX cine", SAX, 1, uid="1.5", tags={"BurnedInAnnotation": "YES"})
    found = recognise(read_series(scout, phase, velocity, still, screen), [True, True, True, False, True])
    assert [decision.view for decision in found] == [None] * 5


def test_a_short_axis_name_on_another_plane_is_doubted() -> None:
    sure, doubted = recognise(
        read_series(SeriesSpec("SAX cine", SAX, 1, uid="1.1"), SeriesSpec("SAX cine", CH4, 1, uid="1.2")), [True] * 2
    )
    assert sure.view is doubted.view is View.SAX
    assert doubted.confidence < 0.7 < sure.confidence

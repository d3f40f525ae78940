"""Quality control: planted faults are found, sound clips are not, and the page is safe to open."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from preprocess import cli
from preprocess.errors import PreprocessError
from preprocess.qc import collect as collecting
from preprocess.qc.collect import collect, read_measures, write_measures
from preprocess.qc.measures import pixel_measures, time_measures
from preprocess.qc.rules import find_outliers, flagged
from preprocess.qc.totals import store_totals
from preprocess.store.intensity import stack_window
from preprocess.store.ledger import STORED, Row, grouped_reason
from preprocess.store.study import Study, StudyInfo
from preprocess.store.study_file import studies_in, study_path, write_study
from preprocess.store.views import View
from tests.support.browser import LOADED, Browser
from tests.support.pages import HOSTILE, ParsedPage, assert_inert
from tests.support.reference import shared
from tests.support.stacks import stack_of
from tests.support.synthetic import FRAMES, SLICES, a_study, changed, key, write_store

N_STUDIES = 24


Pixels = np.ndarray


def _with_slice(index: int, change: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    """A change of one slice's cine."""

    def apply(pixels: Pixels) -> Pixels:
        changed_pixels = pixels.copy()
        changed_pixels[index] = change(pixels[index].copy())
        return changed_pixels

    return apply


def _frozen(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[:, :1], pixels.shape[1], axis=1)


def _noisy(sigma: float) -> Callable[[Pixels], Pixels]:
    noise = np.random.default_rng(99)
    return lambda pixels: np.clip(pixels + noise.normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8)


def _twice(cine: Pixels) -> Pixels:
    cine[6] = cine[5]
    return cine


def _dim_frame(cine: Pixels) -> Pixels:
    cine[7] //= 5
    return cine


PIXEL_FAULTS: dict[int, tuple[View, Callable[[Pixels], Pixels]]] = {
    1: (View.SAX, _with_slice(2, np.zeros_like)),
    2: (View.CH4, _frozen),
    3: (View.SAX, _with_slice(3, _twice)),
    5: (View.SAX, _with_slice(3, lambda cine: cine[np.arange(FRAMES) * 5 % FRAMES])),
    6: (View.CH4, lambda pixels: np.clip(pixels.astype(float) * 2.2, 0, 255).astype(np.uint8)),
    8: (View.CH4, lambda pixels: _noisy(6)(_frozen(pixels))),
    9: (View.CH4, _noisy(25)),
    10: (View.CH4, lambda pixels: np.roll(pixels, (18, 18), axis=(2, 3))),
    12: (View.SAX, _with_slice(1, _dim_frame)),
}
FIELD_FAULTS: dict[int, tuple[View, str, Callable[[Any], Any]]] = {
    4: (View.CH2, "pixel_spacing", lambda _: (0.3, 0.3)),
    7: (View.SAX, "image_position", lambda position: position + [[0, 0, 10 * (index > 3)] for index in range(SLICES)]),
    11: (View.CH3, "trigger_time", lambda times: times * 5),
}


EVIL = StudyInfo("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', 1.5, "<i>", 50.0)


def _plant(number: int, study: Study) -> Study:
    if number in PIXEL_FAULTS:
        view, change = PIXEL_FAULTS[number]
        return changed(study, view, pixels=change(study.views[view].pixels))
    if number in FIELD_FAULTS:
        view, name, field_change = FIELD_FAULTS[number]
        return changed(study, view, **{name: field_change(getattr(study.views[view], name))})
    return replace(study, info=EVIL) if number == 20 else study


PLANTED = {
    (1, "SAX", 2, "black or nearly black"),
    (2, "4CH", 0, "nothing moves"),
    (2, "4CH", 0, "repeated frames"),
    (3, "SAX", 3, "repeated frames"),
    (4, "2CH", -1, "implausible pixel spacing"),
    (4, "2CH", -1, "implausible field of view"),
    (4, "2CH", -1, "unusual pixel spacing"),
    (5, "SAX", 3, "frames jump: wrong order, or arrhythmia"),
    (6, "4CH", 0, "clipped at the window's upper end"),
    (7, "SAX", 4, "gap or overlap between slices"),
    (8, "4CH", 0, "nothing moves but noise"),
    (9, "4CH", 0, "unusually noisy"),
    (10, "4CH", 0, "heart not in the centre"),
    (11, "3CH", -1, "implausible heart rate"),
    (12, "SAX", 1, "a frame is dark"),
}


HOSTILE_NAME = '"><img src=x onerror=alert(1)>'  # of the file of the page, and so of the table it names
LEDGER = (
    Row("a" * 16, reason="no cine: 1 frames, fewer than 10"),
    Row("b" * 16, reason="no cine: 7 frames, fewer than 10"),
    Row("b" * 16, reason=HOSTILE),
    Row("c" * 16, outcome=STORED, view="SAX"),
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("planted") / "store", N_STUDIES, _plant, LEDGER)


@pytest.fixture(scope="module")
def measures(planted: Path) -> pd.DataFrame:
    return collect(planted, list(studies_in(planted)), planted.parent / "measured.csv")


@pytest.fixture
def qc() -> Callable[..., int]:
    return lambda *arguments: cli.main(["qc", "--workers", "0", *map(str, arguments)])


def test_planted_faults_are_found_where_they_are_and_nothing_else_is(measures: pd.DataFrame) -> None:
    outliers = find_outliers(measures)
    found = set(zip(outliers["study"], outliers["view"], outliers["slice"], outliers["reason"], strict=True))
    wanted = {(key(0xB0000 + number), view, index, reason) for number, view, index, reason in PLANTED}
    assert wanted <= found
    # A fault may break a second rule, but sound clips break none.
    places = {(study, view, index) for study, view, index, _ in wanted}
    assert {(study, view, index) for study, view, index, _ in found} <= places


def test_flags_name_the_clips_of_a_view_and_single_clips(measures: pd.DataFrame) -> None:
    table = measures.assign(flags=flagged(measures, find_outliers(measures)))
    fourth = table[table["study"] == key(0xB0000 + 4)]
    assert fourth.loc[fourth["view"] == "2CH", "flags"].str.contains("implausible pixel spacing").all()
    black = table[(table["study"] == key(0xB0000 + 1)) & (table["flags"] != "")]
    assert black["slice"].tolist() == [2]


@pytest.mark.slow
def test_few_simulated_clips_are_flagged(tmp_path: Path) -> None:
    raw, store = tmp_path / "raw", tmp_path / "store"
    assert cli.main(["simulate", "--out", str(raw), "--patients", "12", "--seed", "3"]) == 0
    assert cli.main(["convert", "--input", str(raw), "--out", str(store), "--workers", "2"]) == 0
    table = collect(store, list(studies_in(store)), tmp_path / "qc.csv")
    assert len(table) > 100
    assert len(find_outliers(table)) <= 0.01 * len(table)


def test_real_cines_of_a_scanner_are_not_flagged_for_motion_or_order(tmp_path: Path) -> None:
    source = shared("real/rvsc_p09/P09dicom")
    store = tmp_path / "store"
    assert cli.main(["convert", "--input", str(source), "--out", str(store), "--workers", "1"]) == 0
    table = collect(store, list(studies_in(store)), tmp_path / "qc.csv")
    assert len(table) == 1
    assert table["jumpiness"].max() < 0.3
    assert find_outliers(table)["reason"].tolist() == []


def test_measured_noise_is_the_noise() -> None:
    for sigma in (2.0, 5.0, 12.0):
        cine = 120 + np.random.default_rng(0).normal(0, sigma, (20, 64, 64))
        measured = pixel_measures(np.clip(cine, 0, 255).astype(np.uint8), (0, 255))
        assert measured.noise * 255 == pytest.approx(np.hypot(sigma, np.sqrt(1 / 12)), rel=0.05)
        assert measured.jumpiness == pytest.approx(1.0, abs=0.15)


def test_jumpiness_of_one_slow_wave_is_known() -> None:
    n_frames = 30
    phase = 2 * np.pi * np.arange(n_frames) / n_frames
    cine = np.broadcast_to(128 + 80 * np.sin(phase)[:, None, None], (n_frames, 16, 16)).round().astype(np.uint8)
    steps, variance = np.diff(np.sin(phase)), np.var(np.sin(phase))
    assert pixel_measures(cine, (0, 255)).jumpiness == pytest.approx(np.mean(steps**2) / (2 * variance), rel=0.02)


def test_sixteen_bits_measure_like_eight(tmp_path: Path) -> None:
    study = a_study(0)
    eight = study.views[View.CH4].pixels
    wide = (eight.astype(np.uint16) * 9 + 100).astype(np.uint16)
    measured = pixel_measures(wide[0], stack_window(replace(study.views[View.CH4], pixels=wide)))
    expected = pixel_measures(eight[0], (0.0, float(np.percentile(eight, 99.9))))
    assert measured.brightness == pytest.approx(expected.brightness, abs=0.01)
    write_study(tmp_path / "store", changed(study, View.CH4, pixels=wide))
    table = collect(tmp_path / "store", list(studies_in(tmp_path / "store")), tmp_path / "qc.csv")
    assert table.set_index("view").loc["4CH", "brightness"] == pytest.approx(measured.brightness, abs=0.01)


@pytest.mark.parametrize("times", [[0.0], [0.0, np.nan, 40.0], [0.0, 40.0, 30.0], []])
def test_times_that_do_not_rise_say_nothing(times: list[float]) -> None:
    assert np.isnan(time_measures(np.array(times)).heart_rate_bpm)


def test_heart_rate_counts_the_interval_after_the_last_frame() -> None:
    measured = time_measures(40.0 * np.arange(25) + 12)
    assert measured.heart_rate_bpm == pytest.approx(60.0)
    assert measured.uneven_times == pytest.approx(0.0)


def test_an_interrupted_run_goes_on_without_measuring_again(
    planted: Path, measures: pd.DataFrame, tmp_path: Path
) -> None:
    keys, table = list(studies_in(planted)), tmp_path / "qc.csv"

    def stop(done: int, _: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(planted, keys, table, progress=stop)
    part = table.with_name(".qc.csv.part")
    with part.open("a") as file:  # what a power cut leaves of a line
        file.write("1,00000000000b")
    asked: list[bool] = []
    real = collecting.measure_study

    def spy(*arguments: object) -> object:
        result = real(*arguments)  # type: ignore[arg-type]
        asked.append(result.is_known)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collecting, "measure_study", spy)
        resumed = collect(planted, keys, table)
    assert sum(asked) == 9
    pd.testing.assert_frame_equal(resumed, measures)
    write_measures(table, resumed)
    assert not part.exists()
    pd.testing.assert_frame_equal(read_measures(table), measures)


def test_a_study_that_changed_is_measured_anew(tmp_path: Path) -> None:
    store, table = write_store(tmp_path / "store", 3), tmp_path / "qc.csv"
    keys = list(studies_in(store))
    write_measures(table, collect(store, keys, table))
    short = stack_of(a_study(1).views[View.SAX].pixels[: SLICES - 2] // 2)
    write_study(store, a_study(1, {View.SAX: short}))
    again = collect(store, keys, table)
    fresh = collect(store, keys, tmp_path / "fresh.csv")
    pd.testing.assert_frame_equal(again, fresh)


def test_the_table_does_not_depend_on_the_number_of_processes(
    planted: Path, measures: pd.DataFrame, tmp_path: Path
) -> None:
    table = collect(planted, list(studies_in(planted)), tmp_path / "qc.csv", workers=2)
    pd.testing.assert_frame_equal(table, measures)


def test_damaged_files_are_rows_with_a_problem(tmp_path: Path, qc: Callable[..., int]) -> None:
    store = write_store(tmp_path / "store", 3)
    path = study_path(store, key(0xA0000), key(0xB0000))
    path.write_bytes(path.read_bytes()[:3000])
    (path.parent / f"{key(1)}.h5").write_bytes(b"no HDF5 at all")
    assert qc("--store", store, "--out", tmp_path / "qc.html") == 0
    table = read_measures(tmp_path / "qc.csv")
    assert set(table.loc[table["problem"] != "", "study"]) == {key(0xB0000), key(1)}
    page = (tmp_path / "qc.html").read_text()
    assert "Studies that cannot be read: 2" in page
    assert str(tmp_path) not in page


def test_another_file_is_not_overwritten_with_measures(tmp_path: Path, qc: Callable[..., int]) -> None:
    store = write_store(tmp_path / "store", 1)
    (tmp_path / "qc.csv").write_text("my,own\n1,2\n")
    assert qc("--store", store, "--out", tmp_path / "qc.html") == 1
    assert (tmp_path / "qc.csv").read_text() == "my,own\n1,2\n"


@pytest.mark.parametrize("problem", ["no store", "empty store", "no page name", "no manifest", "bad sample"])
def test_wrong_use_is_one_clear_error(
    problem: str, tmp_path: Path, qc: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    store = write_store(tmp_path / "store", 1)
    options: list[object] = ["--store", store, "--out", tmp_path / "qc.html"]
    match problem:
        case "no store":
            options[1] = tmp_path / "other"
        case "empty store":
            options[1] = tmp_path / "empty"
            (tmp_path / "empty").mkdir()
        case "no page name":
            options[3] = tmp_path
        case "no manifest":
            (store / "clips.parquet").unlink()
        case _:
            options += ["--sample", "0"]
    assert qc(*options) == 1
    error = capsys.readouterr().err
    assert error.startswith("cmr-preprocess: error: ") and error.count("\n") == 1
    assert not (tmp_path / "qc.html").exists()


@pytest.fixture(scope="module")
def page_path(planted: Path) -> Path:
    out = planted.parent / f"{HOSTILE_NAME}.html"
    assert cli.main(["qc", "--store", str(planted), "--out", str(out), "--workers", "0"]) == 0
    return out


@pytest.fixture(scope="module")
def page(page_path: Path) -> ParsedPage:
    return ParsedPage(page_path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not on PATH")
def test_a_browser_shows_the_page_without_complaint(page_path: Path, browser: Browser) -> None:
    browser.open(page_path.as_uri(), LOADED)
    assert browser.evaluate("document.scripts.length") == 0
    assert browser.evaluate("[...document.images].every((image) => image.alt)")
    assert browser.evaluate("getComputedStyle(document.querySelector('.tiles')).display") == "grid"


def test_the_page_holds_no_planted_markup_and_loads_nothing(page: ParsedPage) -> None:
    assert_inert(page)
    assert "<script>alert(1)</script>" in page.text  # shown as what it is
    assert '"><img src=x onerror=alert(1)>' in page.text
    assert HOSTILE.replace("1", "N") in page.text
    assert HOSTILE_NAME in page.text
    assert {tag["src"].partition(",")[0] for name, tag in page.tags if name == "img"} == {"data:image/webp;base64"}


def test_the_page_counts_and_names_what_is_there(page: ParsedPage) -> None:
    assert "no cine: N frames, fewer than N" in page.text
    for number, _, _, reason in PLANTED:
        assert reason in page.text
        assert f"cmr-preprocess inspect {key(0xB0000 + number)} --store STORE" in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) >= 4 * 20
    assert all(image.get("alt") for image in images)


def test_the_page_names_no_patient(page: ParsedPage) -> None:
    raw = page.text + "".join(str(value) for _, attributes in page.tags for value in attributes.values())
    assert not [number for number in range(N_STUDIES) if key(0xA0000 + number) in raw]
    assert not re.search(r"\b(19|20)\d\d-\d\d", raw)


def test_a_sample_is_random_repeatable_and_said(planted: Path, tmp_path: Path, qc: Callable[..., int]) -> None:
    chosen = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.html"
        assert qc("--store", planted, "--out", out, "--sample", 5, "--seed", seed) == 0
        chosen.append(frozenset(read_measures(out.with_suffix(".csv"))["study"]))
    assert [len(one) for one in chosen] == [5, 5, 5]
    assert chosen[0] == chosen[1] != chosen[2]
    first, second = ((tmp_path / f"{name}.html").read_text() for name in "ab")
    assert first.replace("a.csv", "b.csv") == second
    assert "random sample of 5 of 24 studies" in first


def test_missing_views_are_counted(tmp_path: Path) -> None:
    def without(number: int, study: Study) -> Study:
        lost = {0: {View.SAX}, 1: {View.CH3, View.CH2}}.get(number, set())
        return replace(study, views={view: stack for view, stack in study.views.items() if view not in lost})

    totals = store_totals(write_store(tmp_path / "store", 4, without))
    assert totals.missing() == {"SAX": 1, "3CH, 2CH": 1}
    assert totals.clips == {"4CH": 4, "3CH": 3, "2CH": 3, "SAX": 3 * SLICES}
    assert totals.frames == {FRAMES: 9 + 1 + 3 * SLICES}


def test_a_damaged_manifest_is_an_error(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 1)
    (store / "clips.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(PreprocessError, match=r"clips\.parquet is not readable"):
        store_totals(store)


def test_reasons_group_without_their_numbers() -> None:
    assert grouped_reason("incomplete slice: 17 of 25 frames") == grouped_reason("incomplete slice: 9 of 30 frames")
    assert grouped_reason("slices 1.5 mm apart") == "slices N mm apart"

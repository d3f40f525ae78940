"""The command: how a study is found, what is printed and written, and damaged or crafted files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocess import cli
from preprocess.inspection.lookup import find_study, printable
from preprocess.store.ledger import STORED, Row
from preprocess.store.study import StudyInfo
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from tests.support.film_files import probe
from tests.support.synthetic import FRAMES, SLICES, a_study, changed, grey_study, key, write_store


@pytest.fixture
def inspect() -> Callable[..., int]:
    return lambda *arguments: cli.main(["inspect", *map(str, arguments)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = key(0xB0001)
    rows = (
        Row(
            "a" * 16, study=study, view="SAX", outcome=STORED, n_files=84, n_frames=14, reason="description: short-axis"
        ),
        Row("a" * 16, study=study, view="SAX", position_mm=12.5, n_frames=7, reason="incomplete slice: 7 of 14 frames"),
        Row("b" * 16, study=key(0xB0002), reason="about another study"),
    )
    return write_store(tmp_path_factory.mktemp("inspect") / "store", 3, rows=rows)


def test_a_study_is_found_by_every_name_it_has(store: Path) -> None:
    patient, study = key(0xA0001), key(0xB0001)
    path = study_path(store, patient, study)
    names = [study, study.upper(), f"{patient}/{study}", str(path), study_path(store, patient, study)]
    for name in names:
        assert find_study(str(name), store).study == study
    assert find_study(str(path), None).store == store
    lonely = store.parent / "lonely"
    write_study(lonely, replace(grey_study(), study="abc0000000000000"))
    assert find_study("abc", lonely).study == "abc0000000000000"
    assert find_study(f"{key(7)[:3]}/ab", lonely).study == "abc0000000000000"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("0000", "3 studies fit 0000"),
        (key(0xA0002), f"no study but a patient (choose one of: {key(0xA0002)}/{key(0xB0002)})"),
        ("ffff", "no study ffff"),
        ("../../etc/passwd", "not a study key"),
        ("*", "not a study key"),
        ("/nowhere/x.h5", "no study at /nowhere/x.h5"),
        ("", "not a study key"),
    ],
)
def test_a_name_that_fits_none_or_several_is_one_clear_error(
    name: str, says: str, store: Path, inspect: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(name, "--store", store) == 1
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_without_store_and_path_the_remedy_is_named(
    inspect: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect("abc") == 1
    assert "name the store" in capsys.readouterr().err


def test_the_command_prints_the_facts_and_writes_the_pictures(
    store: Path,
    tmp_path: Path,
    inspect: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    study = key(0xB0001)
    assert inspect(study, "--store", store, "--format", "both") == 0
    printed = capsys.readouterr().out
    for fact in ("GE, Aera, 1.5 T", "72 × 72", "71", "60.0", "incomplete slice: 7 of 14", "12.5", "left_out", "0–900"):
        assert fact in printed
    assert "another study" not in printed
    out = tmp_path / f"inspect-{study}"
    films_of = [f"{study}_{view.value}.{kind}" for view in View for kind in ("mp4", "gif")]
    assert sorted(path.name for path in out.iterdir()) == sorted([f"{study}_sheet.png", *films_of])
    for name in (*films_of, f"{study}_sheet.png"):
        assert name in printed
    count, meta = probe(out / f"{study}_SAX.mp4")
    assert (count, meta["source_size"]) == (6 * FRAMES, (3 * 256, SLICES // 3 * 256))


def test_no_films_leaves_the_contact_sheet(store: Path, tmp_path: Path, inspect: Callable[..., int]) -> None:
    assert inspect(study_path(store, key(0xA0000), key(0xB0000)), "--no-films", "--out", tmp_path / "o") == 0
    assert [path.suffix for path in (tmp_path / "o").iterdir()] == [".png"]


def test_what_a_crafted_file_says_moves_no_cursor(
    tmp_path: Path, inspect: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    study = replace(a_study(0), info=StudyInfo("\x1b[2J[red]evil[/red]\r\n", "[bold]x", 1.5, "", float("nan")))
    write_study(tmp_path / "store", study)
    assert inspect(study.study, "--store", tmp_path / "store", "--no-films", "--out", tmp_path / "o") == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "?[2J[red]evil[/red]??, [bold]x, 1.5 T" in printed
    assert printable("ü·x") == "ü·x"


@pytest.mark.parametrize("damage", ["cut", "no view", "counts", "times"])
def test_a_damaged_study_is_one_clear_error(
    damage: str, tmp_path: Path, inspect: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    study = a_study(0)
    match damage:
        case "no view":
            study = replace(study, views={})
        case "counts":
            study = changed(study, View.CH4, n_frames=np.array([FRAMES + 3], np.int32))
        case "times":
            study = changed(study, View.CH4, trigger_time=np.zeros((1, 2)))
    path = write_study(tmp_path / "store", study)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:4000])
    assert inspect(study.study, "--store", tmp_path / "store", "--out", tmp_path / "o") == 1
    error = capsys.readouterr().err
    assert error.startswith("cmr-preprocess: error:") and error.count("\n") == 1
    assert not (tmp_path / "o").exists()

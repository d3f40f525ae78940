"""Looking at one study: how it is found, what is printed, and that pictures and films show the right frames."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from preprocess import cli
from preprocess.errors import PreprocessError
from preprocess.inspection import films
from preprocess.inspection.films import Film, beat_ms, write_gif, write_mp4
from preprocess.inspection.lookup import find_study, printable
from preprocess.pages.pictures import columns_of, contact_sheet, cycle_frames, fitted_size, grey
from preprocess.store.ledger import STORED, Row
from preprocess.store.study import Study, StudyInfo
from preprocess.store.study_file import study_path, write_study
from preprocess.store.views import View
from tests.support.stacks import stack_of
from tests.support.synthetic import FRAMES, INTERVAL, SLICES, a_study, changed, key, scanned, write_store

SIDE, GAP, LEFT, TOP = 128, 4, 112, 24  # of a contact sheet


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


def _coded() -> Study:
    """A study whose frames are plain grey: 5 for each frame and 16 for each slice, from 40 on."""
    views = {}
    for view, n_slices in ((View.CH4, 1), (View.SAX, 5)):
        level = 40 + 16 * np.arange(n_slices)[:, None] + 5 * np.arange(FRAMES)[None, :]
        pixels = np.broadcast_to(level[:, :, None, None], (n_slices, FRAMES, 30, 40)).astype(np.uint8)
        views[view] = scanned(np.ascontiguousarray(pixels))
    return Study(key(7), key(8), views)


def _level(index: int, frame: int) -> int:
    return 40 + 16 * index + 5 * frame


def test_a_contact_sheet_shows_every_slice_in_its_row_and_the_phases_in_order() -> None:
    study = _coded()
    sheet = np.asarray(contact_sheet(study, n_columns=7, side=SIDE))
    rows = [(View.CH4, 0), *((View.SAX, index) for index in range(5))]
    for row, (_, index) in enumerate(rows):
        for column in range(7):
            y, x = TOP + row * (SIDE + GAP) + SIDE // 2, LEFT + column * (SIDE + GAP) + SIDE // 2
            assert sheet[y, x] == _level(index, 2 * column), (row, column)
    assert sheet.shape == (TOP + 6 * (SIDE + GAP) - GAP, LEFT + 7 * (SIDE + GAP) - GAP)


@pytest.mark.parametrize("n_frames", [1, 3, 10, 11, 25, 30])
def test_columns_are_distinct_phases_from_the_first_on(n_frames: int) -> None:
    columns = columns_of(n_frames, 10)
    assert columns[0] == 0 and len(columns) == min(n_frames, 10)
    steps = np.diff(columns)
    assert (steps > 0).all() and (len(steps) == 0 or steps.max() - steps.min() <= 1)


@pytest.mark.parametrize(
    ("shape", "spacing", "size"),
    [
        ((100, 100), (1.0, 1.0), (60, 60)),
        ((100, 50), (1.0, 1.0), (30, 60)),
        ((100, 50), (1.0, 2.0), (60, 60)),
        ((50, 100), (float("nan"), 1.0), (60, 30)),
        ((10, 100000), (1.0, 1.0), (60, 15)),
    ],
)
def test_pictures_have_the_proportions_of_the_body(
    shape: tuple[int, int], spacing: tuple[float, float], size: tuple[int, int]
) -> None:
    assert fitted_size(shape, spacing, 60) == size


def test_sixteen_bits_are_shown_through_their_robust_window() -> None:
    pixels = np.linspace(200, 3000, 4 * 50 * 50).reshape(1, 4, 50, 50).astype(np.uint16)
    pixels[0, 0, 0, 0] = 65535
    shown = grey(stack_of(pixels))
    assert shown.dtype == np.uint8
    assert shown[0, 3, 48:, :].min() > 250 and shown[0, 0, 1, 0] < 5


def test_padded_frames_are_not_shown() -> None:
    study = _coded()
    stack = study.views[View.SAX]
    counts = np.array([FRAMES, FRAMES, 7, FRAMES, FRAMES], np.int32)
    pixels = stack.pixels.copy()
    pixels[2, 7:] = 0
    frames = list(cycle_frames(replace(stack, pixels=pixels, n_frames=counts), View.SAX, side=64))
    third = [frame[32, 2 * 64 + 32] for frame in frames]
    assert third == [_level(2, step * 7 // FRAMES) for step in range(FRAMES)]


def _probe(path: Path) -> tuple[int, dict[str, object]]:
    count, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    reader.close()
    return count, meta


def _decoded(path: Path, size: tuple[int, int]) -> np.ndarray:
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(path),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-",
    ]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0])


def test_an_mp4_holds_whole_beats_at_the_hearts_speed(tmp_path: Path) -> None:
    stack = _coded().views[View.SAX]
    frames = list(cycle_frames(stack, View.SAX, side=64))
    film = Film(frames, beat_ms(stack))
    assert film.beat_ms == pytest.approx(FRAMES * INTERVAL)
    write_mp4(tmp_path / "film.mp4", film)
    count, meta = _probe(tmp_path / "film.mp4")
    assert count == 6 * FRAMES  # 840 ms a beat, at least 5 s
    assert meta["source_size"] == frames[0].shape[::-1]
    assert meta["fps"] == pytest.approx(1000 / INTERVAL, abs=0.01)
    shown = _decoded(tmp_path / "film.mp4", frames[0].shape[::-1])
    for number, frame in enumerate(shown):
        for index in range(5):
            y, x = 32 + 64 * (index // 3), 32 + 64 * (index % 3)
            assert abs(int(frame[y, x]) - _level(index, number % FRAMES)) <= 3
    assert b"Lavf" not in (tmp_path / "film.mp4").read_bytes()


def test_a_gif_holds_every_frame_and_takes_one_beat(tmp_path: Path) -> None:
    stack = _coded().views[View.CH4]
    frames = list(cycle_frames(stack, View.CH4, side=48))
    write_gif(tmp_path / "film.gif", Film(frames, 845.0))
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.n_frames == FRAMES
        assert gif.info["loop"] == 0
        total = 0
        for number in range(FRAMES):
            gif.seek(number)
            total += gif.info["duration"]
            assert gif.convert("L").getpixel((48, 48)) == _level(0, number)
    assert total == pytest.approx(845, abs=5)


def test_a_fast_gif_is_thinned_to_what_browsers_show(tmp_path: Path) -> None:
    frames = [np.full((8, 8), 4 * index, np.uint8) for index in range(50)]
    write_gif(tmp_path / "film.gif", Film(frames, 500.0))
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.n_frames == 25
        assert gif.info["duration"] >= 20


@pytest.mark.parametrize("n_tiles", range(1, 24))
def test_film_frames_have_even_sides(n_tiles: int) -> None:
    pixels = np.zeros((n_tiles, 2, 9, 7), np.uint8)
    (height, width) = next(cycle_frames(stack_of(pixels), View.SAX, side=34)).shape
    assert height % 2 == 0 and width % 2 == 0
    assert n_tiles == 1 or height * width < 3 * n_tiles * 34**2


def test_unknown_or_absurd_times_give_no_beat() -> None:
    stack = _coded().views[View.SAX]
    assert np.isnan(beat_ms(replace(stack, trigger_time=np.full((5, FRAMES), np.nan))))
    assert np.isnan(beat_ms(replace(stack, trigger_time=100 * stack.trigger_time)))


def test_a_missing_ffmpeg_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise RuntimeError("no exe")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    film = Film([np.zeros((8, 8), np.uint8)], 1000.0)
    with pytest.raises(PreprocessError, match="--format gif"):
        write_mp4(tmp_path / "film.mp4", film)


@pytest.mark.parametrize(
    "script", ["exit 3", "echo 'Unknown encoder libx264' >&2; exit 1", "head -c 10 >/dev/null; exit 1"]
)
def test_a_failing_ffmpeg_is_a_clear_error_and_leaves_nothing(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(films, "_ffmpeg", lambda: str(fake))
    film = Film([np.zeros((512, 512), np.uint8)] * 20, 1000.0)
    with pytest.raises(PreprocessError, match="ffmpeg failed"):
        write_mp4(tmp_path / "out" / "film.mp4", film)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_study_is_found_by_every_name_it_has(store: Path) -> None:
    patient, study = key(0xA0001), key(0xB0001)
    path = study_path(store, patient, study)
    names = [study, study.upper(), f"{patient}/{study}", str(path), study_path(store, patient, study)]
    for name in names:
        assert find_study(str(name), store).study == study
    assert find_study(str(path), None).store == store
    lonely = store.parent / "lonely"
    write_study(lonely, replace(_coded(), study="abc0000000000000"))
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
    count, meta = _probe(out / f"{study}_SAX.mp4")
    assert (count, meta["source_size"]) == (6 * FRAMES, (3 * 256, 2 * 256))
    assert SLICES == 6


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

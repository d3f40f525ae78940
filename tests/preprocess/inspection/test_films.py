"""Films: every frame, the heart's speed, and an ffmpeg that is missing or fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from preprocess.errors import PreprocessError
from preprocess.inspection import films
from preprocess.inspection.films import Film, beat_ms, write_gif, write_mp4
from preprocess.pages.pictures import cycle_frames
from preprocess.store.views import View
from tests.support.film_files import decoded, probe
from tests.support.stacks import stack_of
from tests.support.synthetic import FRAMES, INTERVAL, grey_level, grey_study


def test_an_mp4_holds_whole_beats_at_the_hearts_speed(tmp_path: Path) -> None:
    stack = grey_study().views[View.SAX]
    frames = list(cycle_frames(stack, View.SAX, side=64))
    film = Film(frames, beat_ms(stack))
    assert film.beat_ms == pytest.approx(FRAMES * INTERVAL)
    write_mp4(tmp_path / "film.mp4", film)
    count, meta = probe(tmp_path / "film.mp4")
    assert count == 6 * FRAMES  # 840 ms a beat, at least 5 s
    assert meta["source_size"] == frames[0].shape[::-1]
    assert meta["fps"] == pytest.approx(1000 / INTERVAL, abs=0.01)
    shown = decoded(tmp_path / "film.mp4", frames[0].shape[::-1])
    assert len(shown) == count
    for number, frame in enumerate(shown):
        for index in range(5):
            y, x = 32 + 64 * (index // 3), 32 + 64 * (index % 3)
            assert abs(int(frame[y, x]) - grey_level(index, number % FRAMES)) <= 3
    assert b"Lavf" not in (tmp_path / "film.mp4").read_bytes()


def test_a_gif_holds_every_frame_and_takes_one_beat(tmp_path: Path) -> None:
    stack = grey_study().views[View.CH4]
    frames = list(cycle_frames(stack, View.CH4, side=48))
    write_gif(tmp_path / "film.gif", Film(frames, 845.0))
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.n_frames == FRAMES
        assert gif.info["loop"] == 0
        total = 0
        for number in range(FRAMES):
            gif.seek(number)
            total += gif.info["duration"]
            assert gif.convert("L").getpixel((48, 48)) == grey_level(0, number)
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
    stack = grey_study().views[View.SAX]
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

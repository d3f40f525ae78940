"""The benchmarks of the conversion run, and their study is the one they say it is."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks import paper_archive
from benchmarks.clip_codecs import codecs, drawn, measure
from benchmarks.dicom_archive import StudySize, draw_cine, make_study
from preprocess.legacy.legacy_file import Layout, read_legacy
from preprocess.store.views import View
from tests.support.legacy_files import SIZE
from tests.support.paths import ROOT
from tests.support.stores import convert, only_study

TINY = StudySize(matrix=32, frames=10, slices=3)


def run(module: str, *arguments: object) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_study_has_the_views_and_pixels_it_says(tmp_path: Path) -> None:
    make_study(tmp_path / "in" / "study.tgz", TINY, seed=4)
    study = only_study(convert(tmp_path / "store", tmp_path / "in", bits=16))
    assert {view: stack.n_frames.tolist() for view, stack in study.views.items()} == {
        View.CH4: [10],
        View.CH3: [10],
        View.CH2: [10],
        View.SAX: [10] * 3,
    }
    for index, pixels in enumerate(study.views[View.SAX].pixels):  # from base to apex, as drawn
        np.testing.assert_array_equal(pixels, draw_cine(TINY, (4, 4, index), 1 - 0.6 * index / 3))
    with tarfile.open(tmp_path / "in" / "study.tgz") as tar:
        assert len(tar.getnames()) == TINY.n_files
    assert StudySize().n_files == 390


def test_the_same_seed_makes_the_same_archive(tmp_path: Path) -> None:
    first, again, other = (
        make_study(tmp_path / f"{name}.tgz", TINY, seed=seed).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again != other


def test_the_noise_compresses_as_little_as_a_real_cine() -> None:
    cine = draw_cine(StudySize(), 1)[:4]
    assert 1.5 < cine.nbytes / len(zlib.compress(cine.tobytes(), 6)) < 2.1  # 1.8 for the RVSC example


def test_the_baseline_writes_the_papers_layout(tmp_path: Path) -> None:
    archive = make_study(tmp_path / "study.tgz", TINY)
    paper_archive.convert(archive, tmp_path / "study.h5", side=48)
    found = read_legacy(tmp_path / "study.h5")
    sax = found["SAX_FIESTA_BH"]
    assert sax.header.layout is Layout.FRAMES_FIRST
    assert sax.header.n_frames == (10, 10, 10)
    assert sax.header.size == (36, 36) != SIZE
    with h5py.File(tmp_path / "study.h5") as file:
        assert file["SAX_FIESTA_BH"].compression == "gzip"
        assert file["SAX_FIESTA_BH"].dtype == np.float32


def test_every_codec_gives_back_what_was_written(tmp_path: Path) -> None:
    cines = drawn(32, 2, 10)
    for number, codec in enumerate(codecs()):
        path = tmp_path / f"{number}.h5"
        codec.write(path, cines)
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["SAX"][()], cines, err_msg=codec.name)
    numbers = measure(cines, codecs()[:2], repeats=1)
    assert all(value > 0 for row in numbers.values() for value in row.values())


@pytest.mark.slow
def test_the_conversion_benchmark_runs(tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    printed = run("convert_study", "--quick", "--repeats", 1, "--studies", 3, "--out", out)
    numbers = json.loads(out.read_text())
    assert numbers["ratio: cpu s"] == pytest.approx(numbers["baseline: cpu s"] / numbers["ours: cpu s"])
    assert numbers["ours: peak MB"] >= numbers["ours: start-up, peak MB"] > 50
    assert numbers["two over one: steady studies/s"] > 0
    assert printed.count("target:") == 4


@pytest.mark.slow
def test_the_codec_benchmark_runs(tmp_path: Path) -> None:
    printed = run("clip_codecs", "--quick", "--markdown", "--out", tmp_path / "numbers.json")
    (table,) = json.loads((tmp_path / "numbers.json").read_text()).values()
    assert len(table) == len(codecs())
    assert "the store's *" in printed
    assert "one clip through preprocess.store.study_file" in printed

"""The cohort on disk: deterministic, resumable, and it refuses a folder that holds another one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from preprocess.commands import simulate
from preprocess.errors import PreprocessError
from preprocess.phantom import cohort as cohort_module
from preprocess.phantom import sample_patient, simulate_cohort
from preprocess.phantom.scanner.headers import study_uid
from tests.support.commands import run_command


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_other_worker_and_patient_counts_give_the_same_studies(cohort: Any, tmp_path: Path) -> None:
    summary = simulate_cohort(tmp_path / "raw", 2, cohort.seed, workers=2)
    assert summary.n_patients == 2
    archives = sorted((tmp_path / "raw" / "dicom").iterdir())
    assert len(archives) == summary.n_studies == summary.n_written
    for path in archives:
        assert digest(path) == digest(cohort.folder / "dicom" / path.name)
    for name in ("reports", "truth", "truth_series"):
        few = (tmp_path / "raw" / f"{name}.csv").read_text(encoding="utf-8")
        assert (cohort.folder / f"{name}.csv").read_text(encoding="utf-8").startswith(few)


def test_a_lost_archive_comes_back_identical(cohort: Any) -> None:
    lost = sorted((cohort.folder / "dicom").iterdir())[0]
    before, tables = digest(lost), digest(cohort.folder / "truth.csv")
    lost.unlink()
    summary = simulate_cohort(cohort.folder, cohort.n_patients, cohort.seed, workers=1)
    assert summary.n_written == 1
    assert digest(lost) == before
    assert digest(cohort.folder / "truth.csv") == tables
    assert not list(cohort.folder.rglob("*.part"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 12}, "seed"),
        ({"n_patients": 2}, "patients"),
        ({"n_patients": 0}, "empty"),
        ({"seed": -1}, "negative"),
        ({"workers": 0}, "workers"),
    ],
)
def test_refuses(cohort: Any, change: dict[str, int], message: str) -> None:
    arguments = {"n_patients": cohort.n_patients, "seed": cohort.seed, "workers": 1} | change
    with pytest.raises(PreprocessError, match=message):
        simulate_cohort(cohort.folder, **arguments)


def test_refuses_archives_of_unknown_origin(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "real.tgz").write_bytes(b"")
    with pytest.raises(PreprocessError, match="no simulation"):
        simulate_cohort(tmp_path, 1, 11, workers=1)


def test_another_seed_gives_other_hearts() -> None:
    one, other = sample_patient(1, 0).studies[0], sample_patient(2, 0).studies[0]
    assert one.heart.parameters != other.heart.parameters
    assert study_uid(one) != study_uid(other)


def test_command_says_what_is_next(
    cohort: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ("--patients", cohort.n_patients, "--seed", cohort.seed, "--workers", 1)
    monkeypatch.setattr(cohort_module, "write_examination", lambda *_: pytest.fail("nothing is missing"))
    assert run_command(simulate, "--out", cohort.folder, *sizes) == 0
    said = capsys.readouterr().out
    assert "already there" in said
    assert "cmr-preprocess convert --input" in said


def test_preprocess_phantom_imports_no_torch() -> None:
    code = "import sys, preprocess.phantom, preprocess.commands.simulate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

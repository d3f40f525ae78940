"""`sbatch --array slurm/convert.sbatch`: the parts of an array make one store."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from preprocess.cli import main
from preprocess.phantom import simulate_cohort
from tests.support.cluster import Cluster, wait_for
from tests.support.paths import ROOT

pytestmark = pytest.mark.slurm
OPTIONS = ("--cpus-per-task=1", "--mem-per-cpu=0", f"--export=ALL,CMR_CLIP_PYTHON={sys.executable}")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    simulate_cohort(folder, 3, 0, workers=1)
    return folder


def tables(store: Path) -> dict[str, str]:
    """SHA-256 of a store's studies and tables."""
    files = [*store.glob("*/*.h5"), store / "ledger.csv", store / "clips.csv"]
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def said(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.out")))


def arguments(archive: Path, store: Path, key: Path) -> list[str]:
    return ["--input", str(archive / "dicom"), "--out", str(store), "--key", str(key)]


def test_the_tasks_of_an_array_make_the_store_of_one_run(slurm: Cluster, archive: Path, tmp_path: Path) -> None:
    key, store, whole = tmp_path / "site.key", tmp_path / "store", tmp_path / "whole"
    options = (*OPTIONS, "--array=0-2", f"--output={tmp_path}/%a.out")
    script = ROOT / "slurm" / "convert.sbatch"
    job = slurm.submit(script, *arguments(archive, store, key), options=options, cwd=ROOT)
    for index in range(3):
        task = f"{job}_{index}"
        state = slurm.wait_for_state(task, "COMPLETED", "FAILED", seconds=120, log=lambda: said(tmp_path))
        assert state["JobState"] == "COMPLETED", said(tmp_path)
    assert said(tmp_path).count("This part has ended") == 2
    assert main(["convert", *arguments(archive, whole, key), "--workers", "0"]) == 0
    assert tables(store) == tables(whole)


def test_an_array_with_gaps_is_refused(slurm: Cluster, archive: Path, tmp_path: Path) -> None:
    options = (*OPTIONS, "--array=1,3", f"--output={tmp_path}/%a.out")
    given = arguments(archive, tmp_path / "store", tmp_path / "site.key")
    job = slurm.submit(ROOT / "slurm" / "convert.sbatch", *given, options=options, cwd=ROOT)
    slurm.wait_for_state(f"{job}_3", "FAILED", seconds=60, log=lambda: said(tmp_path))
    assert "the array has gaps" in said(tmp_path)


def test_a_task_near_its_time_limit_queues_itself_again(slurm: Cluster, archive: Path, tmp_path: Path) -> None:
    store, key = tmp_path / "store", tmp_path / "site.key"
    options = (*OPTIONS, "--array=1-1", f"--output={tmp_path}/%a.out")
    job = slurm.submit(ROOT / "slurm" / "convert.sbatch", *arguments(archive, store, key), options=options, cwd=ROOT)
    task = f"{job}_1"
    wait_for(lambda: any((store / ".ledger").glob("*.json")), 60, "the conversion to begin", lambda: said(tmp_path))
    slurm.run("scancel", "--batch", "--signal=USR1", task)
    wait_for(lambda: "queues itself again" in said(tmp_path), 60, "the signal to arrive", lambda: said(tmp_path))
    slurm.wait_for_state(task, "PENDING", seconds=60, log=lambda: said(tmp_path))
    slurm.hurry(task)
    state = slurm.wait_for_state(task, "COMPLETED", "FAILED", seconds=180, log=lambda: said(tmp_path))
    assert state["JobState"] == "COMPLETED", said(tmp_path)
    assert (store / "clips.parquet").is_file()

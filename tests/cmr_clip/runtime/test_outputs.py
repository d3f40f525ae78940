"""Where nothing can be written, a command says so before it computes, and afterwards a full disk is one line."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from cmr_clip.cli import main
from cmr_clip.runtime.outputs import check_file_place, check_folder_place
from cmr_clip.training import AtomicCheckpointIO
from preprocess.errors import MachineError
from tests.support.paths import CONFIGS

COMMANDS = {
    "embed": ["--checkpoint", "w.ckpt", "--store", "store"],
    "zero-shot": ["--checkpoint", "w.ckpt", "--embeddings", "e.parquet", "--probes", "p.yaml"],
    "export": ["--checkpoint", "w.ckpt"],
    "umap": ["--embeddings", "e.parquet", "--store", "store"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_is_tried_before_the_inputs_are_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([command, *COMMANDS[command], "--out", str(tmp_path / "file" / "below" / "out")]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert f"cannot write into {tmp_path / 'file' / 'below'}" in line


def test_the_folder_of_a_run_is_tried_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["--config", str(CONFIGS / "demo" / "lvef.yaml"), "--trainer.accelerator", "cpu"]
    assert main(["fit", *arguments, "--trainer.default_root_dir", str(tmp_path / "file" / "run")]) == 1
    assert f"cannot write into {tmp_path / 'file' / 'run'}" in capsys.readouterr().err


def test_a_place_leaves_nothing_behind(tmp_path: Path) -> None:
    check_file_place(tmp_path / "new" / "e.parquet")
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(MachineError, match="it is a folder"):
        check_file_place(tmp_path / "new")
    with pytest.raises(MachineError, match="cannot write into /proc/none"):
        check_folder_place(Path("/proc/none"))


@contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_does_not_fit_is_the_disks_fault(tmp_path: Path) -> None:
    with full_disk(100_000), pytest.raises((OSError, MachineError), match="File too large"):
        AtomicCheckpointIO().save_checkpoint({"a": torch.zeros(100_000)}, tmp_path / "last.ckpt")
    assert not list(tmp_path.iterdir())

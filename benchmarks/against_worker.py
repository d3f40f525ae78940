"""One side of `benchmarks.against`: does a piece of work of its tree whenever it is told to, and says how long it took.

Run by path in the root of a tree of any version since 0.3, so that the packages of that tree are imported. It knows
public commands only. A line on the standard input is one turn; a line of JSON answers it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

__all__ = ["TakeTurns"]

_REPLY = 100  # the standard output as it was: what the commands print goes nowhere


def _reply(**numbers: float) -> None:
    os.write(_REPLY, (json.dumps(numbers) + "\n").encode())


def _await_turn() -> None:
    if not sys.stdin.readline():
        sys.exit("the other end is gone")


class _Stopwatch:
    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def reply(self) -> None:
        _reply(wall_s=time.perf_counter() - self.wall, cpu_s=time.process_time() - self.cpu)


class TakeTurns(pl.Callback):
    """A turn is an epoch, from its beginning to the end of its last step: loading, transforms and all steps."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait, then start the watch."""
        _await_turn()
        self.watch = _Stopwatch()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell the time after the last step."""
        if batch_idx + 1 == trainer.num_training_batches:
            self.watch.reply()


def _train(run: Path, epochs: int) -> None:
    """Pretrain as the demo does, on the store and the tables of a finished run of it."""
    from cmr_clip.cli import main
    from cmr_clip.demo.plan import DemoPlan, demo_steps

    step = next(step for step in demo_steps(DemoPlan(run=run)) if step.name == "pretrain")
    with tempfile.TemporaryDirectory() as folder:
        changed = {
            "trainer.default_root_dir": folder,
            "trainer.accelerator": "cpu",
            "trainer.max_epochs": epochs,
            "trainer.check_val_every_n_epoch": epochs + 1,
            "trainer.callbacks+": "against_worker.TakeTurns",
        }
        options = [text for name, value in changed.items() for text in (f"--{name}", str(value))]
        main([*step.command[1:], *options])


def _convert(archive: Path, turns: int) -> None:
    """Convert an archive into a new store at each turn."""
    from preprocess.cli import main

    for _ in range(turns):
        _await_turn()
        with tempfile.TemporaryDirectory() as folder:
            command = ["convert", "--input", str(archive), "--out", f"{folder}/store", "--workers", "0"]
            watch = _Stopwatch()
            if main(command):
                sys.exit("the conversion failed")
            watch.reply()


def main() -> None:
    """`against_worker.py convert|train PATH TURNS`."""
    os.dup2(1, _REPLY)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work, path, turns = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    {"convert": _convert, "train": _train}[work](path, turns)


if __name__ == "__main__":
    main()

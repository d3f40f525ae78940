"""Which studies a training saw, written down by the training itself: a callback for configurations in tests."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl


class Visit(NamedTuple):
    """One batch of one rank.

    Attributes:
        start: how often SLURM had started the job before.
        rank: of the process.
        epoch: counted from 0.
        step: optimiser steps done, this one included.
        studies: their keys.
        seeds: of everything random about them.
    """

    start: int
    rank: int
    epoch: int
    step: int
    studies: tuple[str, ...]
    seeds: tuple[int, ...]


class VisitLog(pl.Callback):
    """Appends a line per batch to `FOLDER/rank<N>.jsonl`.

    Args:
        folder: where to.
        pause: seconds to wait in each step, so that a test can interrupt it.
    """

    def __init__(self, folder: Path, pause: float = 0.0) -> None:
        self.folder = Path(folder)
        self.pause = pause

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        start = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        place = (start, trainer.global_rank, trainer.current_epoch, trainer.global_step)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"rank{trainer.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(Visit(*place, batch["study"], batch["seeds"])) + "\n")
        time.sleep(self.pause)


def read_visits(folder: Path) -> list[Visit]:
    """What all ranks wrote, in the order of each rank's file; a line being written is left out."""
    return list(_read(folder))


def _read(folder: Path) -> Iterator[Visit]:
    for path in sorted(folder.glob("rank*.jsonl")):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                *place, studies, seeds = json.loads(line)
                yield Visit(*place, tuple(studies), tuple(seeds))


class SignalAtStep(pl.Callback):
    """Sends its own process SIGUSR1 after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGUSR1)

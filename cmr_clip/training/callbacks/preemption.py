"""Points from which a run goes on: written now and then, and when SLURM asks it to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from cmr_clip.runtime.slurm_job import Requeue, SlurmJob
from cmr_clip.runtime.stop_signals import StopSignals
from cmr_clip.training.callbacks.rank_agreement import RankVotes
from preprocess.commands.console import console

__all__ = ["EXIT_CODE", "ResumeOptions", "ResumePoints", "TrainingStoppedError"]

EXIT_CODE = 75
"""The command's exit code after a stop that nobody will continue by itself: EX_TEMPFAIL, "try again"."""


@dataclass(frozen=True)
class ResumeOptions:
    """How often a run writes a point to go on from, `checkpoints/last.ckpt`, besides its configured checkpoints.

    Attributes:
        every_minutes: at least this often; none for null.
        every_n_steps: at least this often, in optimiser steps; none by default.
    """

    every_minutes: float | None = 15.0
    every_n_steps: int | None = None


class TrainingStoppedError(Exception):
    """Raised on all ranks after saving, to leave Lightning's loops without the validation that a normal end brings.

    Attributes:
        exit_code: 0 if SLURM runs the job again, `EXIT_CODE` otherwise.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ResumePoints(pl.Callback):
    """Saves at the end of a batch, on all ranks, and ends the run there if a signal asked for it.

    Never in the last batch of an epoch: Lightning would go on with the next epoch without the validation, the
    history and the checkpoints that belong to the end of this one. The first batch of the next epoch follows soon.

    Args:
        signals: notes SIGUSR1 and SIGTERM.
        options: how often to save unasked.
    """

    def __init__(self, signals: StopSignals, options: ResumeOptions = ResumeOptions()) -> None:
        self.signals = signals
        self.options = options
        self._votes = RankVotes()
        self._saved_at = (0.0, 0)  # time in seconds, step

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning, whose SIGTERM handler talks to other ranks in the middle of a step."""
        self.signals.listen()
        self._votes = RankVotes()
        self._saved_at = (time.monotonic(), trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time to or if a signal came to any rank; end the run in the second case.

        Raises:
            TrainingStoppedError: a signal came and the run is saved.
        """
        if trainer.fast_dev_run or _at_boundary(trainer, batch_idx):  # type: ignore[attr-defined]
            return
        saved_at, saved_step = self._saved_at
        minutes, steps = self.options.every_minutes, self.options.every_n_steps
        late = minutes is not None and time.monotonic() - saved_at >= 60 * minutes
        due = late or (steps is not None and trainer.global_step - saved_step >= steps)
        asked = self.signals.received is not None
        stop, save = self._votes.any(asked, trainer.is_global_zero and due)
        if stop:
            self._stop(trainer, batch_idx)
        if save:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> Path | None:
        """Write `last.ckpt` where Lightning looks for it; None if the run keeps no checkpoints."""
        self._saved_at = (time.monotonic(), trainer.global_step)
        keepers = [keeper for keeper in trainer.checkpoint_callbacks if isinstance(keeper, ModelCheckpoint)]
        if not keepers:
            return None
        keeper = next((keeper for keeper in keepers if keeper.save_last), keepers[0])
        path = Path(keeper.dirpath or "") / f"{keeper.CHECKPOINT_NAME_LAST}{keeper.FILE_EXTENSION}"
        if keeper.save_last:
            keeper.last_model_path = str(path)  # part of the state: the next one is not called last-v1
        trainer.save_checkpoint(path, weights_only=False)
        return path

    def _stop(self, trainer: pl.Trainer, batch_idx: int) -> None:
        path = self._save(trainer)
        batch = f"batch {batch_idx + 1} of {trainer.num_training_batches} of epoch {trainer.current_epoch}"
        if trainer.is_global_zero:
            signal = self.signals.received.name if self.signals.received else "a signal to another rank"
            saved = "nothing is saved, since checkpointing is off" if path is None else f"saved {path}"
            console().print(f"{signal}: stopped after step {trainer.global_step} ({batch}); {saved}")
        job = SlurmJob.current()
        fate = Requeue(False, "outside SLURM")
        if job is not None and path is not None:
            fate = trainer.strategy.broadcast(job.requeue() if trainer.is_global_zero else fate)
        if trainer.is_global_zero:
            again = "" if fate.done else "; the same command goes on from there (with --ckpt_path last)"
            console().print(f"{fate.reason}{again}")
        raise TrainingStoppedError(fate.reason, 0 if fate.done else EXIT_CODE)


def _at_boundary(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether something belongs to this batch that a checkpoint taken now would lose.

    That is the rest of an accumulated gradient, a validation within the epoch, or the end of the epoch or the run.
    An epoch of a single batch is saved all the same, or it never would be, unless it is the last.
    """
    if (batch_idx + 1) % trainer.accumulate_grad_batches:
        return True
    if trainer.num_training_batches == 1:
        return trainer.current_epoch + 1 == trainer.max_epochs
    if trainer.is_last_batch or trainer.global_step == trainer.max_steps:
        return True
    every = trainer.val_check_batch
    return isinstance(every, int) and every > 1 and (batch_idx + 1) % every == 0

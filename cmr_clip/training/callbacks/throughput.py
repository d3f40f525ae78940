"""How fast training is, and what it waits for."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch

__all__ = ["Throughput"]


class Throughput(pl.Callback):
    """Logs clips per second, the share of time spent waiting for data, and the peak memory of the device.

    `train/clips_per_s` counts the clips of all ranks over the wall time between two logged steps, validation left out;
    `train/data_wait` is the share of that time between the end of a step and the arrival of the next batch on the
    device, 0 to 1; `train/memory_gb` is the peak since the last logged step, 10^9 bytes, on a GPU only.
    """

    def __init__(self) -> None:
        self._clips = 0
        self._steps = 0
        self._waited = 0.0
        self._busy = 0.0
        self._mark: float | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start to wait for the first batch."""
        self._mark = time.monotonic()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A batch is there."""
        now = time.monotonic()
        self._waited += now - (self._mark or now)
        self._mark = now

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A step is done; log now and then."""
        self._clips += len(batch["clips"] if "clips" in batch else batch["features"])
        self._steps += 1
        log_now = self._steps >= trainer.log_every_n_steps  # type: ignore[attr-defined]
        device = trainer.strategy.root_device
        if log_now and device.type == "cuda":
            torch.cuda.synchronize(device)
        now = time.monotonic()
        self._busy += now - (self._mark or now)
        self._mark = now
        if not log_now:
            return
        total = self._waited + self._busy
        values = {
            "train/clips_per_s": self._clips * trainer.world_size / max(total, 1e-9),
            "train/data_wait": self._waited / max(total, 1e-9),
        }
        if device.type == "cuda":
            values["train/memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
            torch.cuda.reset_peak_memory_stats(device)
        pl_module.log_dict(values, batch_size=1)
        self._clips, self._steps, self._waited, self._busy = 0, 0, 0.0, 0.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation is no waiting for data."""
        self._mark = time.monotonic()

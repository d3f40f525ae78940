"""A callback that ends training as a killed job would: in the middle of an epoch, with a checkpoint of that step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class SaveAndStop(pl.Callback):
    """Saves `<default_root_dir>/checkpoints/<name>.ckpt` after a step and, if told to, stops there."""

    def __init__(self, step: int, name: str = "last", stop: bool = True) -> None:
        self.step, self.name, self.stop = step, name, stop

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "checkpoints" / f"{self.name}.ckpt")
            if self.stop:
                raise KeyboardInterrupt

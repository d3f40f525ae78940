"""Real training steps on this machine, with tiny batches, and what they say about memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch

from cmr_clip.preflight.configuration import Plan
from cmr_clip.preflight.saved_tensors import SavedTensorMeter
from cmr_clip.tasks.video_task import VideoTask
from preprocess.labels.splits import read_splits, studies_of_split, with_studies, write_splits
from preprocess.labels.table import read_labels
from preprocess.reports.index import read_sentences
from preprocess.store.manifest import ClipColumn

__all__ = ["Trial", "run_trial"]

_STUDIES = 4
_CLASSES = 20


@dataclass(frozen=True)
class Trial:
    """What training steps with one and with two studies took.

    Attributes:
        loss: of the last step.
        seconds: of the last step.
        precision: that the steps ran in.
        weights: bytes of parameters and buffers.
        trained: bytes of the parameters that train.
        optimizer: bytes of the optimiser's state.
        saved: bytes kept for the backward pass, for one study and for two.
    """

    loss: float
    seconds: float
    precision: str
    weights: int
    trained: int
    optimizer: int
    saved: tuple[int, int]


class _Probe(pl.Callback):
    """Times a step and measures what it keeps."""

    def __init__(self, model: VideoTask) -> None:
        self.meter = SavedTensorMeter(model)
        self.seconds = 0.0
        self.loss = float("nan")

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, index: int) -> None:
        self._watch = self.meter.watching()
        self._watch.__enter__()
        self._start = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.seconds = time.monotonic() - self._start
        self._watch.__exit__(None, None, None)
        self.loss = float(outputs["loss"])


def run_trial(plan: Plan, model: VideoTask) -> Trial:
    """Train one step with one study and one step with two, on the CPU, on a few studies of the run's own data.

    Raises:
        CmrClipError: whatever stops the training that a user can mend.
        ValueError: the loss is no number.
    """
    precision = "bf16-mixed" if "16" in str(plan.trainer["precision"]) else "32-true"
    with _few_studies(plan) as splits:
        probes = [_step(plan, model, splits, size, precision) for size in (1, 2)]
    last = probes[-1][0]
    if last.loss != last.loss:
        raise ValueError(f"the loss of a step with two studies is {last.loss}")
    return Trial(
        last.loss,
        last.seconds,
        precision,
        _bytes([*model.parameters(), *model.buffers()]),
        _bytes([parameter for parameter in model.parameters() if parameter.requires_grad]),
        _bytes([v for s in probes[-1][1].state.values() for v in s.values() if isinstance(v, torch.Tensor)]),
        (probes[0][0].meter.peak, last.meter.peak),
    )


def _step(
    plan: Plan, model: VideoTask, splits: Path, size: int, precision: Any
) -> tuple[_Probe, torch.optim.Optimizer]:
    data = plan.build_data(splits=splits, batch_size=size, num_workers=0, cache_mb=0, studies_per_eval_batch=1)
    probe = _Probe(model)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            precision=precision,
            max_steps=1,
            limit_val_batches=0,
            gradient_clip_val=plan.trainer["gradient_clip_val"],
            default_root_dir=folder,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[probe],
        )
        trainer.fit(model, datamodule=data)
    return probe, trainer.optimizers[0]


@contextmanager
def _few_studies(plan: Plan) -> Iterator[Path]:
    """A split table of a few studies: a task may look at all of its training set before the first step."""
    table = read_splits(Path(plan.data["splits"]))
    table = with_studies(table, plan.build_data().manifest_of(None)[ClipColumn.STUDY])
    if plan.data.get("sentences") is not None:
        table = with_studies(table, read_sentences(Path(plan.data["sentences"])).studies)
    train, val = (studies_of_split(table, split) for split in ("train", "val"))
    chosen = train.head(_STUDIES) if plan.data.get("labels") is None else _extremes(plan, train)
    rows = with_studies(table, [*chosen, *val.head(_STUDIES)]).itertuples(index=False, name=None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "splits.csv"
        write_splits(path, rows, overwrite=False)
        yield path


def _extremes(plan: Plan, studies: pd.Series[str]) -> set[str]:
    """Studies with the lowest and the highest values of each target, and one of each class, so that all occur."""
    labels = read_labels(Path(plan.data["labels"]))
    labels = labels[labels.index.isin(studies)]
    targets = [head["init_args"]["target"] for head in plan.model.get("heads") or []]
    chosen: set[str] = set()
    for target in labels.columns.intersection(targets):
        ordered = labels[target].dropna().sort_values()
        classes = ordered.drop_duplicates() if ordered.nunique() <= _CLASSES else ordered[:0]
        chosen.update(ordered.index[: _STUDIES // 2], ordered.index[-_STUDIES // 2 :], classes.index)
    return chosen or set(studies.head(_STUDIES))


def _bytes(tensors: list[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

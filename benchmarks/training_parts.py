"""Where the time of a training step and of reading a study goes, part by part, with the device idle in between."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, TypeVar

import torch
from torch import Tensor

from benchmarks.timing import synchronise
from cmr_clip.data.contrastive_module import ContrastiveDataModule
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.tasks.contrastive import ContrastivePretraining
from cmr_clip.tasks.pair_loss import pair_loss

__all__ = ["inference_ms", "step_parts_ms"]

Batch = TypeVar("Batch")


class _Stopwatch:
    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        synchronise(self.device)
        start = time.perf_counter()
        yield
        synchronise(self.device)
        self.seconds[name].append(time.perf_counter() - start)

    def milliseconds(self, warm_up: int) -> dict[str, float]:
        return {name: 1e3 * median(times[warm_up:]) for name, times in self.seconds.items()}


def step_parts_ms(
    task: ContrastivePretraining,
    data: ContrastiveDataModule,
    batch: Any,
    device: torch.device,
    repeats: int,
    half: bool,
    warm_up: int = 2,
) -> dict[str, float]:
    """Milliseconds of the parts of a training step on one batch, as the loader gives it.

    Args:
        task: in training mode, on the device.
        data: made the batch; transforms it.
        batch: with raw clips, on the CPU.
        device: where the task is.
        repeats: steps of which the median is taken.
        half: under bf16 autocast.
        warm_up: further steps before them.
    """
    watch = _Stopwatch(device)
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=1e-6)
    for _ in range(warm_up + repeats):
        with watch.part("copy to the device"):
            moved = data.transfer_batch_to_device(batch, device, 0)
        with watch.part("transform and augmentation"):
            ready = data.prepare(moved, training=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            with watch.part("video tower, forward"):
                video = task.model(ready["clips"])
            with watch.part("text tower, forward"):
                text = task.model.embed_text(ready["tokens"], ready["mask"])
            with watch.part("loss"):
                loss = pair_loss(task.objective, video.float(), text.float(), ready["report"], "gathered")
        with watch.part("backward"):
            torch.autograd.backward(loss)
        with watch.part("optimiser"):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return watch.milliseconds(warm_up)


def inference_ms(
    task: ContrastivePretraining,
    data: ContrastiveDataModule,
    encoders: dict[str, MViT],
    read: Callable[[], Any],
    device: torch.device,
    repeats: int,
) -> dict[str, dict[str, float]]:
    """Milliseconds from one study's raw clips to its embedding, for several forms of the encoder.

    Args:
        task: its projection is used.
        data: transforms the clips.
        encoders: by name.
        read: reads the study from the store to a batch of one.
        device: where everything runs.
        repeats: runs of which the median is taken.

    Returns:
        By encoder: `read` (one process, from the page cache), `device` (copy, transform, features, mean).
    """
    results = {}
    for name, encoder in encoders.items():
        watch = _Stopwatch(device)
        for _ in range(3 + repeats):
            with watch.part("read"):
                batch = read()
            with watch.part("device"), torch.no_grad():
                _embed_study(task, data, encoder, batch, device)
        results[name] = watch.milliseconds(3)
    return results


def _embed_study(
    task: ContrastivePretraining, data: ContrastiveDataModule, encoder: MViT, batch: Any, device: torch.device
) -> Tensor:
    ready = data.prepare(data.transfer_batch_to_device(batch, device, 0))
    return task.model.project(encoder(ready["clips"])).mean(dim=0).cpu()

"""The loss of several heads, of which a study may have any labels or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from cmr_clip.models.heads import BinaryHead, RegressionHead
from tests.support.group_head import GroupHead, task_with


def features_of(labels: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    count = len(next(iter(labels.values())))
    generator = torch.Generator().manual_seed(4)
    return {
        "features": torch.randn(2 * count, 256, generator=generator),
        "counts": torch.full((count,), 2),
        "study": [str(number) for number in range(count)],
        "labels": {target: torch.tensor(values) for target, values in labels.items()},
    }


def test_the_loss_is_the_mean_over_heads_of_labelled_studies_only() -> None:
    nan, heads = float("nan"), [RegressionHead("a"), BinaryHead("b"), GroupHead("c")]
    task = task_with(*heads)
    batch = features_of({"a": [50.0, nan, nan], "b": [nan, 1.0, 0.0], "c": [nan, nan, 3.0]})
    logits = task(batch).logits
    parts = [
        F.huber_loss(100 * logits[:1, 0], torch.tensor([50.0])),
        F.binary_cross_entropy_with_logits(logits[1:, 1], torch.tensor([1.0, 0.0])),
        F.cross_entropy(logits[2:, 2:], torch.tensor([3])),
    ]
    torch.testing.assert_close(task.training_step(batch, 0), sum(parts) / 3)
    batch["labels"]["c"] = torch.full((3,), nan)
    torch.testing.assert_close(task.training_step(batch, 0), (parts[0] + parts[1]) / 2)
    one = features_of({"a": [nan], "b": [nan], "c": [2.0]})
    torch.testing.assert_close(task.training_step(one, 0), F.cross_entropy(task(one).logits[:, 2:], torch.tensor([2])))
    nothing = features_of({"a": [nan, nan], "b": [nan, nan], "c": [nan, nan]})
    loss = task.training_step(nothing, 0)
    loss.backward()
    assert float(loss) == 0
    assert not any(p.grad.any() for p in task.parameters() if p.grad is not None)

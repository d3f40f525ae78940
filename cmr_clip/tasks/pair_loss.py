"""A contrastive objective across ranks."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from cmr_clip.losses.objectives import ContrastiveObjective
from cmr_clip.runtime.distributed import gather, gather_with_gradient, rank_sizes, world_size

__all__ = ["Negatives", "pair_loss"]

Negatives = Literal["gathered", "local"]
"""With whose clips and reports a rank compares its own: all ranks', or its own as the paper did."""


def pair_loss(
    objective: ContrastiveObjective, video: Tensor, text: Tensor, report: Tensor, negatives: Negatives
) -> Tensor:
    """This rank's loss, weighted so that its mean over ranks is the mean over all pairs.

    Gradients of gathered keys flow back to their rank. With DistributedDataParallel, which averages gradients over
    ranks, loss and gradients equal those of one process with all pairs, also where ranks hold different numbers.

    Args:
        objective: loss of this rank's pairs against keys.
        video: clip embeddings of this rank, `[B, E]`, L2-normalised.
        text: report embeddings of this rank, `[B, E]`, L2-normalised.
        report: `[B]` int64, equal where reports are identical; these count as positives.
        negatives: where the keys come from.
    """
    sizes = rank_sizes(len(video), video.device)
    keys_video, keys_text, keys_report = video, text, report
    if negatives == "gathered":
        keys_video, keys_text = gather_with_gradient(video, sizes), gather_with_gradient(text, sizes)
        keys_report = gather(report, sizes)
    loss: Tensor = objective(video, text, keys_video, keys_text, report[:, None] == keys_report[None, :])
    return loss * (len(video) * world_size() / sum(sizes))

"""What a batch holds, before and after the device transform."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cmr_clip.clips.batch import RawClips

__all__ = ["BagBatch", "PairBatch", "pad_tokens"]


class PairBatch(TypedDict, total=False):
    """Matched clips and reports of B studies.

    Attributes:
        raw: clips as read; gone after the device transform.
        clips: `[B, 1, T, H, W]`, normalised.
        tokens: `[B, L]`.
        mask: `[B, L]` bool.
        report: `[B]` int64; equal where the reports are word for word the same.
        truncated: B numbers of tokens that did not fit.
        study: B keys.
        seeds: B seeds of everything random about the sample.
    """

    raw: RawClips
    clips: Tensor
    tokens: Tensor
    mask: Tensor
    report: Tensor
    truncated: list[int]
    study: list[str]
    seeds: list[int]


class BagBatch(TypedDict, total=False):
    """All clips of B studies, M in total, one after the other.

    Attributes:
        raw: clips as read; gone after the device transform.
        clips: `[M, 1, T, H, W]`, normalised.
        features: `[M, D]` instead of clips, where a frozen encoder has been run before.
        counts: `[B]`, clips of each study; sums to M.
        patient: B keys.
        study: B keys.
        clip_names: B lists of (view, slice).
        labels: truth per target, `[B]` or `[B, T]`; NaN where missing.
        tokens: `[B, L]` of the whole report.
        mask: `[B, L]` bool.
        report: `[B]` int64; equal where the reports are word for word the same.
    """

    raw: RawClips
    clips: Tensor
    features: Tensor
    counts: Tensor
    patient: list[str]
    study: list[str]
    clip_names: list[list[tuple[str, int]]]
    labels: dict[str, Tensor]
    tokens: Tensor
    mask: Tensor
    report: Tensor


def pad_tokens(reports: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token lists to `[B, L]` ids (padded with 0) and their `[B, L]` bool mask."""
    tokens = pad_sequence([torch.tensor(ids) for ids in reports], batch_first=True)
    lengths = torch.tensor([len(ids) for ids in reports])
    return tokens, torch.arange(tokens.shape[1]) < lengths[:, None]

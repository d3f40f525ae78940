"""An estimate of the GPU memory that training takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cmr_clip.preflight.configuration import Plan
from cmr_clip.preflight.findings import Findings
from cmr_clip.preflight.trial import Trial

__all__ = ["MemoryEstimate", "check_memory", "estimate_memory"]

_CONTEXT_GB = 1.0  # what CUDA and its libraries take for themselves
_MARGIN = 0.15  # temporary tensors and fragmentation


@dataclass(frozen=True)
class MemoryEstimate:
    """Gigabytes (10⁹ bytes) on one GPU.

    Attributes:
        weights: parameters and buffers.
        gradients: of the parameters that train, twice on several ranks (DDP's buckets).
        optimizer: its state.
        activations: kept for the backward pass, at the run's batch size.
        total: of all, with a margin.
    """

    weights: float
    gradients: float
    optimizer: float
    activations: float
    total: float


def estimate_memory(trial: Trial, batch_size: int, several_ranks: bool) -> MemoryEstimate:
    """Scale what one and two studies took, linearly, to a batch."""
    one, two = trial.saved
    activations = one + (two - one) * (batch_size - 1)
    twice = 2 if several_ranks else 1
    weights, gradients, optimizer, kept = (
        value / 1e9 for value in (trial.weights, twice * trial.trained, trial.optimizer, activations)
    )
    total = (weights + gradients + optimizer + kept) * (1 + _MARGIN) + _CONTEXT_GB
    return MemoryEstimate(weights, gradients, optimizer, kept, total)


def check_memory(plan: Plan, trial: Trial, gpu_memory_gb: float | None, findings: Findings) -> None:
    """Compare the estimate with the memory of the GPU that is given, or of the one in this machine."""
    batch = int(plan.data["batch_size"])
    chunk = plan.model.get("chunk_size")
    together = min(batch, int(chunk)) if chunk else batch
    need = estimate_memory(trial, together, plan.ranks != 1)
    detail = (
        f"about {need.total:.1f} GB per GPU: weights {need.weights:.2f}, gradients {need.gradients:.2f}, optimiser "
        f"{need.optimizer:.2f}, activations of {together} studies {need.activations:.2f}, the rest CUDA and a margin "
        f"(estimated from steps of 1 and 2 studies in {trial.precision} on the CPU)"
    )
    if gpu_memory_gb is None and torch.cuda.is_available():
        gpu_memory_gb = torch.cuda.get_device_properties(0).total_memory / 1e9
    if gpu_memory_gb is None:
        findings.note("memory", detail, "--gpu-memory-gb 80 compares it with the job's GPU")
    elif need.total <= gpu_memory_gb:
        findings.ok("memory", f"{detail}; the GPU has {gpu_memory_gb:.0f} GB")
    else:
        findings.failed(
            "memory",
            f"{detail}; the GPU has {gpu_memory_gb:.0f} GB",
            "lower data.init_args.batch_size, or set model.init_args.chunk_size or activation checkpointing",
        )

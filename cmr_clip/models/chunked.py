"""Encoding in chunks, so that a contrastive batch may be larger than the memory for its activations.

Gradient accumulation is not a larger contrastive batch; GradCache (Gao et al., RepL4NLP 2021) is: embed chunk by chunk
without activations, take the loss over all embeddings, and run each chunk again when its gradient is known. That is
activation checkpointing by chunk, so autograd does the bookkeeping: exact values and gradients, one more forward pass,
random numbers replayed, and DistributedDataParallel sees each gradient once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

__all__ = ["encode_in_chunks"]


def encode_in_chunks(encode: Callable[..., Tensor], inputs: tuple[Tensor, ...], chunk_size: int | None) -> Tensor:
    """Apply an encoder to slices of its inputs and concatenate the results.

    Args:
        encode: takes slices of the inputs along their first axis, returns `[b, …]`.
        inputs: tensors with B rows each.
        chunk_size: rows per slice; None or a size of at least B runs the encoder once, as it is.

    Returns:
        `[B, …]`.
    """
    rows = len(inputs[0])
    if chunk_size is None or rows <= chunk_size:
        return encode(*inputs)
    parts = []
    for start in range(0, rows, chunk_size):
        chunk = tuple(tensor[start : start + chunk_size] for tensor in inputs)
        if torch.is_grad_enabled():
            parts.append(checkpoint(encode, *chunk, use_reentrant=False))
        else:
            parts.append(encode(*chunk))
    return torch.cat(parts)

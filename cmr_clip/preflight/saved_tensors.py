"""How much autograd keeps for the backward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import finalize

import torch
from torch import Tensor, nn

__all__ = ["SavedTensorMeter"]


class _Held:
    """A tensor that autograd keeps; when autograd drops it, its meter hears of it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class SavedTensorMeter:
    """Measures the peak of what is kept for backward passes, each storage once, parameters not counted.

    Args:
        model: whose parameters and buffers do not count.

    Attributes:
        peak: in bytes.
    """

    def __init__(self, model: nn.Module) -> None:
        self.peak = 0
        self._now = 0
        self._users: Counter[int] = Counter()
        self._model = model

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what is saved within the block, on the thread that enters it."""
        self._own = {
            tensor.untyped_storage().data_ptr() for tensor in (*self._model.parameters(), *self._model.buffers())
        }
        with torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack):
            yield

    def _pack(self, tensor: Tensor) -> Tensor | _Held:
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key in self._own:
            return tensor
        held = _Held(tensor)
        self._users[key] += 1
        if self._users[key] == 1:
            self._now += size
            self.peak = max(self.peak, self._now)
        finalize(held, self._drop, key, size)
        return held

    @staticmethod
    def _unpack(held: Tensor | _Held) -> Tensor:
        return held.tensor if isinstance(held, _Held) else held

    def _drop(self, key: int, size: int) -> None:
        self._users[key] -= 1
        if self._users[key] == 0:
            self._now -= size

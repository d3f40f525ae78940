"""Reading files of weights: tensors and plain values only, nothing in a file is ever executed."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmr_clip.errors import CheckpointMismatchError, CmrClipError

__all__ = ["errors_of", "read_checkpoint", "read_weights", "strip_wrappers", "tensors_of"]

_REFUSED = re.compile(r"(?:GLOBAL|Unsupported (?:global|class|operand)[: ]+(?:GLOBAL )?)\s*([\w.]+)")
_STATE_KEYS = ("state_dict", "model_state")
_WRAPPERS = ("module.", "model.", "_orig_mod.")


def read_weights(path: Path) -> dict[str, Any]:
    """Read a file of tensors and plain values without executing anything in it.

    Raises:
        CmrClipError: no such file, or it is no checkpoint of tensors and plain values.
    """
    # Numbers of NumPy, which hyper-parameters of older Lightning checkpoints hold, are harmless; two names, one maker.
    scalar = np.float64(0).__reduce__()[0]
    makers = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    dtypes = {type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")}
    try:
        with torch.serialization.safe_globals([*makers, np.dtype, *dtypes]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CmrClipError(f"no checkpoint at {path}", "train one with cmr-clip fit") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason, remedy = str(error), "pickled objects are never executed"
        refused = _REFUSED.search(reason)
        if refused is not None:
            reason = f"it holds a pickled {refused[1]}"
            remedy += "; where the file was made, save its state_dict alone"
        problem = reason.splitlines()[0] if reason else "empty"
        raise CmrClipError(f"{path} is no checkpoint of tensors and plain values: {problem}", remedy) from error
    if not isinstance(checkpoint, dict):
        raise CmrClipError(f"{path} holds no dictionary of weights", "give a checkpoint written by cmr-clip fit")
    return checkpoint


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a Lightning checkpoint.

    Raises:
        CmrClipError: no such file, or it is no checkpoint.
    """
    checkpoint = read_weights(path)
    if "state_dict" not in checkpoint:
        raise CmrClipError(f"{path} holds no state_dict", "give a checkpoint written by cmr-clip fit")
    return checkpoint


def tensors_of(checkpoint: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """The tensors of a file: under `state_dict` (Lightning), `model_state` (pytorchvideo), or the file itself.

    Tensors of any shape; those of floating-point numbers come as float32.

    Raises:
        CheckpointMismatchError: it holds none.
    """
    for key in _STATE_KEYS:
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    state = {name: value for name, value in checkpoint.items() if isinstance(value, Tensor)}
    if not state:
        raise CheckpointMismatchError(f"{path} holds no tensors", "give a checkpoint or a state dict")
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def strip_wrappers(state: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """Remove the prefixes of LightningModules, DDP and torch.compile, as often as they occur.

    Whole prefixes only: `str.strip("model.")` would also eat the last letter of `…pos_embed_spatial`, which is how
    the paper authors' loader loses two tensors.

    Args:
        state: tensors of any shape, as the file names them.
        origin: what an error calls the file.

    Raises:
        CheckpointMismatchError: two tensors would get one name.
    """
    out: dict[str, Tensor] = {}
    for name, value in state.items():
        bare = name
        while bare.startswith(_WRAPPERS):
            for prefix in _WRAPPERS:
                bare = bare.removeprefix(prefix)
        bare = bare.replace("._orig_mod.", ".")
        if bare in out and not torch.equal(out[bare], value):
            raise CheckpointMismatchError(
                f"{origin} holds two different tensors for {bare}", "it mixes two models; save one model's state_dict"
            )
        out[bare] = value
    return out


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Put the file's name before errors from code that does not know it."""
    try:
        yield
    except CmrClipError as error:
        raise type(error)(f"{path}: {error.problem}", error.remedy) from error

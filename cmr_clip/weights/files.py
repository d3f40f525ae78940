"""Reading files of weights: tensors and plain values only, nothing in a file is ever executed."""

from __future__ import annotations

import pickle
import re
import struct
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from preprocess.errors import MachineError, machine_fault

__all__ = [
    "errors_of",
    "read_checkpoint",
    "read_weights",
    "reading_weights",
    "require_usable",
    "strip_wrappers",
    "tensors_of",
]

_REFUSED = re.compile(r"(?:GLOBAL|Unsupported (?:global|class|operand)[: ]+(?:GLOBAL )?)\s*([\w.]+)")
_NO_MEMORY = re.compile(r"can't allocate memory|out of memory|Cannot allocate memory")
# What torch's and safetensors' readers raise where bytes are not what their formats say: errors of the frame (OSError
# without a number, see `machine_fault`, RuntimeError, EOFError, SafetensorError), and of the interpreter of pickles,
# which trusts its bytes (indices, names, texts and numbers that are none, and what it asserts of them).
_DAMAGED = (
    pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError, LookupError, ValueError, struct.error,
    AssertionError,
)  # fmt: skip
_OF_LABELS = re.compile(r"(?:^|\.)heads\.\d+\.")
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
    if not path.is_file():
        what = "a folder of no export is" if path.is_dir() else "no checkpoint"
        raise CmrClipError(f"{what} at {path}", "train one with cmr-clip fit")
    with reading_weights(path), torch.serialization.safe_globals([*makers, np.dtype, *dtypes]):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(checkpoint, dict) or not all(isinstance(name, str) for name in checkpoint):
        raise CmrClipError(f"{path} holds no dictionary of weights", "give a checkpoint written by cmr-clip fit")
    return checkpoint


@contextmanager
def reading_weights(path: Path) -> Iterator[None]:
    """A block in which a library reads a file of weights, and nothing else is done.

    Raises:
        CmrClipError: what the file holds is no tensors and plain values, or damaged.
        MachineError: the machine could not read it.
    """
    try:
        yield
    except MemoryError as error:
        raise MachineError(f"{path} cannot be read: {machine_fault(error)}") from error
    except _DAMAGED as error:
        reason, remedy = str(error), "pickled objects are never executed"
        if fault := machine_fault(error) or ("out of memory" if _NO_MEMORY.search(reason) else ""):
            raise MachineError(f"{path} cannot be read: {fault}") from error
        refused = _REFUSED.search(reason)
        if refused is not None:
            reason = f"it holds a pickled {refused[1]}"
            remedy += "; where the file was made, save its state_dict alone"
        problem = f"{type(error).__name__}: {reason.splitlines()[0]}" if reason else "it is empty or cut short"
        raise CmrClipError(f"{path} is no checkpoint of tensors and plain values: {problem}", remedy) from error
    except TypeError as error:
        _refuse_what_torch_misread(path, error)
        raise
    except AttributeError as error:
        _refuse_what_torch_misread(path, error)
        raise


def _refuse_what_torch_misread(path: Path, error: Exception) -> None:
    """Torch's interpreter of pickles uses what it reads without a look at types; a mistake of ours lies elsewhere."""
    frames = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    if frames[-1].partition(".")[0] == "torch":
        problem = "its values do not fit together"
        raise CmrClipError(f"{path} is no checkpoint of tensors and plain values: {problem}") from error


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

    Tensors of any shape; those of shorter floating-point numbers come as float32.

    Raises:
        CheckpointMismatchError: it holds none.
    """
    for key in _STATE_KEYS:
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    state = {name: value for name, value in checkpoint.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not state:
        raise CheckpointMismatchError(f"{path} holds no tensors", "give a checkpoint or a state dict")
    require_usable(state, path)
    return {
        name: value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
        for name, value in state.items()
    }


def require_usable(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors that no model of ours computes with.

    Args:
        state: tensors of any shape.
        path: what the error calls the file.

    Raises:
        CheckpointMismatchError: a tensor has no values, is sparse or complex, or holds NaN (what heads know of their
            labels may be unknown).
    """
    for name, value in state.items():
        if value.device.type != "cpu" or value.layout is not torch.strided or value.is_complex() or value.is_quantized:
            raise CheckpointMismatchError(
                f"{path}: {name} is {value.layout} of {value.dtype} on {value.device}", "save plain tensors of numbers"
            )
        if value.is_floating_point() and not _OF_LABELS.search(name) and bool(value.isnan().any()):
            raise CheckpointMismatchError(
                f"{path}: {name} holds NaN: the training diverged, or the file is damaged",
                "take an earlier checkpoint",
            )


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

"""Kinds of video encoders: from the name in a file to the class, and from a foreign file to the kind it is of.

A file never names code to import. It names a kind, and the kinds are those listed here and those that the running
program registered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import torch
from torch import Tensor

from cmr_clip.descriptions import is_plain
from cmr_clip.encoders.protocol import ClipShape, Recognised, VideoEncoder
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from preprocess.system.extensions import EXTENSIONS_VARIABLE

__all__ = [
    "EncoderDescription",
    "describe",
    "kinds",
    "read_description",
    "recognise",
    "register",
    "registered",
    "require_loadable",
]

_OWN = {"MViT": "cmr_clip.encoders.mvit.mvit"}
"""Families that come with the program: kind and the module of its class, imported when first needed."""

_BEFORE_KINDS = "MViT"
"""What files of cmr-clip 0.3 hold, which do not say it."""

_added: dict[str, type[VideoEncoder]] = {}

_Kind = TypeVar("_Kind", bound=type[VideoEncoder])


@dataclass(frozen=True)
class EncoderDescription:
    """A video encoder as files describe it.

    Attributes:
        kind: its class.
        config: what `kind.from_config` takes.
    """

    kind: type[VideoEncoder]
    config: dict[str, Any]

    @property
    def clip_shape(self) -> ClipShape:
        """(T, H, W) of the clips it takes."""
        frames, rows, columns = self.config["clip_shape"]
        return frames, rows, columns

    def plain(self) -> dict[str, Any]:
        """As a file holds it: the kind, then the arguments."""
        return {"kind": self.kind.__name__, **self.config}

    def summary(self) -> str:
        """The network in a few words."""
        return self.kind.summary(self.config)

    def empty(self) -> VideoEncoder:
        """The encoder without values; saves the time and the random numbers of an initialisation.

        Raises:
            CmrClipError: the arguments are not those of its kind.
        """
        with torch.device("meta"):
            encoder = self.kind.from_config(self.config)
        if {name for name, _ in encoder.named_buffers()} <= set(encoder.state_dict()):
            return encoder
        with torch.random.fork_rng(devices=[]):  # buffers that no file holds must be computed
            return self.kind.from_config(self.config)


def register(kind: _Kind) -> _Kind:
    """Make an encoder class known by its name; usable as a decorator.

    Raises:
        CmrClipError: the name is taken.
    """
    name = kind.__name__
    if name in kinds():
        raise CmrClipError(f"an encoder of kind {name} is registered already", "give the class another name")
    _added[name] = kind
    return kind


@contextmanager
def registered(kind: type[VideoEncoder]) -> Iterator[type[VideoEncoder]]:
    """Make an encoder class known within a `with` block."""
    register(kind)
    try:
        yield kind
    finally:
        del _added[kind.__name__]


def kinds() -> tuple[str, ...]:
    """Names of all kinds; imports none."""
    return (*_OWN, *_added)


def _kind(name: str) -> type[VideoEncoder]:
    if name in _added:
        return _added[name]
    found: type[VideoEncoder] = getattr(import_module(_OWN[name]), name)
    return found


def describe(encoder: VideoEncoder) -> dict[str, Any]:
    """What a checkpoint says of its encoder, in plain values.

    Raises:
        CmrClipError: its kind is not registered, so that no file could be loaded again.
    """
    name = type(encoder).__name__
    if name not in kinds() or _kind(name) is not type(encoder):
        raise CmrClipError(
            f"the encoder {type(encoder).__module__}.{name} is of no registered kind ({', '.join(kinds())}): its "
            "checkpoints could not be loaded",
            "put @register of cmr_clip.encoders.registry above the class",
        )
    return EncoderDescription(type(encoder), encoder.config).plain()


def require_loadable(encoder: VideoEncoder) -> None:
    """Refuse an encoder whose description would not build it again: what could never be loaded is not worth training.

    What neither `config` nor a tensor shows (a factor, an epsilon) cannot be seen here.

    Raises:
        CmrClipError: its kind is not registered, or its `config` is not plain, lacks an argument or builds another one.
    """
    name, config = type(encoder).__name__, encoder.config
    described = describe(encoder)
    problem = ""
    if not is_plain(config) or "kind" in config or "clip_shape" not in config:
        problem = "holds values that are no plain numbers, texts or lists, an argument `kind`, or no clip_shape"
    else:
        again = read_description(described, f"the encoder {name}").empty()
        shapes, wanted = ({key: value.shape for key, value in net.state_dict().items()} for net in (again, encoder))
        if shapes != wanted or tuple(again.clip_shape) != tuple(encoder.clip_shape):
            problem = "builds an encoder with other tensors or another clip shape"
    if problem:
        raise CmrClipError(
            f"the config of the encoder {name} {problem}: its checkpoints could not be loaded",
            "config holds the constructor's arguments, see cmr_clip.encoders.VideoEncoder",
        )


def read_description(described: object, origin: str) -> EncoderDescription:
    """The encoder that a file describes; one without a kind is of cmr-clip 0.3 and an mViT.

    Args:
        described: the file's field `video_encoder`.
        origin: what an error calls the file.

    Raises:
        CmrClipError: an unknown kind, or no description.
    """
    if not isinstance(described, Mapping):
        raise CmrClipError(f"{origin} does not describe its video encoder", "export or train it again")
    name = described.get("kind", _BEFORE_KINDS)
    if name not in kinds():
        raise CmrClipError(
            f"{origin} holds a video encoder of kind {name!r}, which is not known here; known are {', '.join(kinds())}",
            f"name the module that registers it in {EXTENSIONS_VARIABLE}, or install what wrote the file",
        )
    config = {field: value for field, value in described.items() if field != "kind"}
    shape = config.get("clip_shape")
    if (
        not isinstance(shape, list | tuple)
        or len(shape) != 3
        or not all(type(side) is int and side > 0 for side in shape)
    ):
        raise CmrClipError(
            f"{origin}: it describes an encoder of kind {name} that this version does not know: its clip_shape is "
            f"{shape!r}",
            "install the cmr-clip that wrote it",
        )
    return EncoderDescription(_kind(name), config)


def recognise(state: Mapping[str, Tensor]) -> tuple[type[VideoEncoder], Recognised]:
    """The kind of encoder that another project's file holds.

    Args:
        state: all tensors of the file, each of any shape, without the prefixes of wrappers.

    Raises:
        CheckpointMismatchError: no kind recognises it, or more than one.
    """
    known = [_kind(name) for name in kinds()]
    found = [(kind, said) for kind in known if (said := kind.recognise(state)) is not None]
    if len(found) == 1:
        return found[0]
    names = ", ".join(kind.__name__ for kind, _ in found)
    if found:
        raise CheckpointMismatchError(f"its encoder could be of several kinds: {names}", "save one model's tensors")
    files = ["checkpoints of cmr-clip fit", "folders of cmr-clip export"]
    files += [kind.foreign_files for kind in known if kind.foreign_files]
    raise CheckpointMismatchError(
        f"it holds no known encoder ({', '.join(kinds())}), or only a part of one; its first tensors are "
        f"{', '.join(list(state)[:2])}",
        f"known are {', '.join(files)}",
    )

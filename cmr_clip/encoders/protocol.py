"""What a video encoder must be so that towers, tasks, loaders and exports work with it.

A family of encoders is one folder: the network, the names that other projects give its tensors, its sizes. Everything
that differs between families is asked of the class here, so that no other part of the program names one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.descriptions import misfit
from cmr_clip.errors import CheckpointMismatchError, CmrClipError

__all__ = ["ENCODER", "ClipShape", "Recognised", "Renamed", "Resized", "VideoEncoder"]

ENCODER = "video_encoder."
"""Prefix of an encoder's tensors in checkpoints and exported folders."""

ClipShape = tuple[int, int, int]
"""(T, H, W): frames, rows and columns of a clip."""


@dataclass(frozen=True)
class Recognised:
    """What an encoder says of another project's file that is its own.

    Attributes:
        origin: whose file it is, in one word; receipts, errors and exported folders repeat it.
        config: what `from_config` takes.
        preprocessing: how a cine becomes a clip for these weights.
    """

    origin: str
    config: dict[str, Any]
    preprocessing: ClipSpec


@dataclass(frozen=True)
class Renamed:
    """Another project's tensors under the names of our checkpoints.

    Attributes:
        state: `video_encoder.*` of the encoder, and `video_proj.*` or other parts where the file has them.
        ignored: names that are known and of no use (a class head, second names of one tensor), as the receipt lists
            them.
    """

    state: dict[str, Tensor]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resized:
    """An encoder's weights for another clip shape.

    Attributes:
        state: tensors under the encoder's own names, without prefix.
        config: what `from_config` takes.
        interpolated: names of the tensors that changed.
    """

    state: dict[str, Tensor]
    config: dict[str, Any]
    interpolated: tuple[str, ...] = ()


class VideoEncoder(nn.Module, ABC):
    """A network that turns a clip into one feature vector.

    A subclass needs `forward` and the three attributes, and `registry.register` so that files can name its kind. The
    class methods have defaults: no file of another project is known, and only the trained clip shape is taken. The
    constructor must also work under `torch.device("meta")`, where tensors have no values.

    Attributes:
        clip_shape: (T, H, W) of the clips it takes.
        out_features: D.
        config: its arguments in plain values, `clip_shape` among them and none called `kind`;
            `from_config(config)` builds the same network.
        foreign_files: in words, the files of other projects that it recognises.
    """

    clip_shape: ClipShape
    out_features: int
    config: dict[str, Any]
    foreign_files: ClassVar[str] = ""

    @abstractmethod
    def forward(self, clips: Tensor) -> Tensor:
        """Features of clips.

        Args:
            clips: `[B, 1 or 3, T, H, W]`, normalised; one channel means the same as that channel three times.

        Returns:
            `[B, D]`.
        """

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> VideoEncoder:
        """The encoder that a `config` describes, initialised at random.

        Raises:
            CmrClipError: it lacks arguments of this class or has others.
        """
        if reason := misfit(cls, config):
            raise CmrClipError(
                f"it describes an encoder of kind {cls.__name__} that this version does not know: {reason}",
                "install the cmr-clip that wrote it",
            )
        return cls(**config)

    @classmethod
    def recognise(cls, state: Mapping[str, Tensor]) -> Recognised | None:
        """What another project's file holds, if it is of this family.

        Args:
            state: all tensors of the file, each of any shape, without the prefixes of wrappers (`module.`, `model.`,
                `_orig_mod.`).

        Returns:
            None where the file is of something else.

        Raises:
            CheckpointMismatchError: it is of this family, and cannot be used.
        """
        return None

    @classmethod
    def rename(cls, state: Mapping[str, Tensor]) -> Renamed:
        """Bring the tensors of a file that `recognise` knows to the names of our checkpoints.

        Args:
            state: as for `recognise`, tensors of any shape.

        Raises:
            CheckpointMismatchError: the file contradicts itself.
        """
        return Renamed(dict(state))

    @classmethod
    def resize(cls, state: Mapping[str, Tensor], config: Mapping[str, Any], clip_shape: ClipShape) -> Resized:
        """Bring trained weights to another clip shape, for instance by interpolating positional embeddings.

        Args:
            state: tensors under the encoder's own names, without prefix.
            config: of the encoder they belong to.
            clip_shape: (T, H, W) wanted, another than they were trained on.

        Raises:
            CmrClipError: this kind of encoder, or this one, cannot take other clips.
        """
        trained = tuple(config["clip_shape"])
        raise CmrClipError(
            f"an encoder of kind {cls.__name__} takes clips of the shape it was trained on, {trained} (frames, rows, "
            f"columns), not {tuple(clip_shape)}",
            "leave the clip shape as it is, or train an encoder for these clips",
        )

    def require_alike(self, trained: Mapping[str, Any]) -> None:
        """Refuse weights that fit by name and shape, and yet were trained for another function than this encoder's.

        Args:
            trained: `config` of the encoder that the weights were trained with, brought to this one's clip shape where
                the user asked for it.

        Raises:
            CheckpointMismatchError: what no tensor shows differs; here, the clip shape.
        """
        if tuple(trained["clip_shape"]) != self.clip_shape:
            raise CheckpointMismatchError(
                f"the weights were trained on clips of {tuple(trained['clip_shape'])}, the encoder takes "
                f"{self.clip_shape} (frames, rows, columns)",
                "give the encoder the clip shape of its weights, or set interpolate_positions",
            )

    @classmethod
    def summary(cls, config: Mapping[str, Any]) -> str:
        """The network in a few words for receipts and model cards, with what its tensors do not show."""
        return cls.__name__

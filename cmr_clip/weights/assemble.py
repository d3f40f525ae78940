"""From weights as read to filled modules: what every loader shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cmr_clip.encoders.protocol import ENCODER, ClipShape, VideoEncoder
from cmr_clip.encoders.registry import EncoderDescription
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.files import errors_of
from cmr_clip.weights.receipt import LoadReport, require_match
from cmr_clip.weights.sources import Weights

__all__ = ["FittedWeights", "empty_encoder", "fill", "resized", "wanted_shape"]

_FAMILIES = (ENCODER, "video_proj.", "classifier_head.", "text_encoder.", "text_proj.")
_KNOWN = (*_FAMILIES, "heads.", "objective.", "classif_loss.", "log_temperature", "temperature")


@dataclass(frozen=True)
class FittedWeights:
    """Weights brought to a clip shape.

    Attributes:
        weights: the encoder and the preprocessing are those of the new shape.
        interpolated: names of the tensors that changed.
    """

    weights: Weights
    interpolated: tuple[str, ...]


def wanted_shape(
    trained: Sequence[int], clip_shape: Sequence[int] | None, n_frames: int | None, size: int | None
) -> ClipShape:
    """The clip shape that a caller asks for: `clip_shape`, or `n_frames` and `size`, or what the weights have.

    Raises:
        CmrClipError: both ways at once, or no size above zero.
    """
    if clip_shape is not None and (n_frames is not None or size is not None):
        raise CmrClipError("clip_shape is given beside n_frames or size", "give one of the two")
    frames, rows, columns = clip_shape if clip_shape is not None else trained
    shape = (n_frames or frames, size or rows, size or columns)
    if min(shape) < 1:
        raise CmrClipError(f"a clip of {shape} (frames, rows, columns) has no pixels")
    return shape


def resized(weights: Weights, shape: ClipShape) -> FittedWeights:
    """Bring the video encoder to another clip shape, if it is another than the weights were trained on.

    Raises:
        CmrClipError: that kind of encoder takes no other clips.
        CheckpointMismatchError: the preprocessing of the weights makes other clips than their encoder takes.
    """
    trained, spec = weights.encoder.clip_shape, weights.preprocessing
    made = (spec.n_frames, spec.size, spec.size)
    if made != trained and trained[1] == trained[2]:
        raise CheckpointMismatchError(
            f"{weights.path}: its preprocessing makes clips of {made}, its encoder takes {trained}",
            "export or train it again; a preprocessing belongs to one encoder",
        )
    if shape == trained:
        return FittedWeights(weights, ())
    own = {name.removeprefix(ENCODER): value for name, value in weights.state.items() if name.startswith(ENCODER)}
    with errors_of(weights.path):
        change = weights.encoder.kind.resize(own, weights.encoder.config, shape)
    rest = {name: value for name, value in weights.state.items() if not name.startswith(ENCODER)}
    changed = replace(
        weights,
        state={**{ENCODER + name: value for name, value in change.state.items()}, **rest},
        encoder=EncoderDescription(weights.encoder.kind, change.config),
        # Rows stand for the side of a clip that is not square; whoever asked for such clips makes them himself.
        preprocessing=replace(spec, n_frames=shape[0], size=shape[1]),
    )
    return FittedWeights(changed, tuple(ENCODER + name for name in change.interpolated))


def empty_encoder(weights: Weights) -> VideoEncoder:
    """The encoder that the weights describe, without values, for `fill`.

    Raises:
        CmrClipError: its kind does not have such arguments.
        CheckpointMismatchError: the tensors are of another kind of encoder than the description says.
    """
    with errors_of(weights.path):
        encoder = weights.encoder.empty()
    wanted = [ENCODER + name for name in encoder.state_dict()]
    found = [name for name in weights.state if name.startswith(ENCODER)]
    if found and not set(wanted) & set(found):
        raise CheckpointMismatchError(
            f"{weights.path} says that its encoder is of kind {weights.encoder.kind.__name__}, but holds none of that "
            f"kind's {len(wanted)} tensors; its first is {found[0]}",
            "its description and its tensors are of two models: train or export it again",
        )
    return encoder


def _tied(module: nn.Module) -> list[list[str]]:
    """Names of parameters that are one and the same, where there are several."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def _tie(module: nn.Module, names: Sequence[str], weights: Weights) -> None:
    """Make parameters one again: loading gave each name a tensor of its own."""
    first = module.get_parameter(names[0])
    for name in names[1:]:
        if not torch.equal(first, module.get_parameter(name)):
            raise CheckpointMismatchError(
                f"{weights.path}: {' and '.join(names)} differ, and are one tensor in the model",
                "give a checkpoint of the architecture that its description names",
            )
        owner, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(owner), attribute, first)


def fill(module: nn.Module, state: dict[str, Tensor], weights: Weights) -> LoadReport:
    """Load a module's tensors and write the receipt.

    Args:
        module: its tensors carry the names of `state`; it may be without values, and takes over those of `state`.
        state: tensors of any shape, which the module's own must equal; may hold more than the module wants.
        weights: where `state` came from, for the receipt.

    Raises:
        CheckpointMismatchError: a tensor is missing or of another shape, or the file's model has more parts of a
            kind than the module has.
    """
    wanted = module.state_dict()
    report = require_match(state, wanted, str(weights.path))
    families = {name.split(".")[0] + "." for name in wanted}
    beyond = [name for name in report.unexpected if name.startswith(tuple(families & set(_FAMILIES)))]
    if beyond:
        raise CheckpointMismatchError(
            f"{weights.path} is of another model: it has {len(beyond)} tensors that this one has no place for; "
            f"first {beyond[0]}",
            "give a checkpoint of the architecture that its description names",
        )
    kinds = [name for name in wanted if state[name].is_floating_point() != wanted[name].is_floating_point()]
    if kinds:
        raise CheckpointMismatchError(
            f"{weights.path}: {kinds[0]} holds {state[kinds[0]].dtype}, the model wants {wanted[kinds[0]].dtype}",
            "save the weights as floating-point numbers",
        )
    tied = _tied(module)
    module.load_state_dict({name: state[name].to(wanted[name].dtype) for name in wanted}, assign=True)
    for names in tied:
        _tie(module, names, weights)
    return replace(
        report,
        unexpected=tuple(name for name in report.unexpected if not name.startswith(_KNOWN)),
        ignored=(*weights.ignored, *(name for name in report.unexpected if name.startswith(_KNOWN))),
        origin=weights.origin,
        encoder=weights.encoder.summary(),
    )

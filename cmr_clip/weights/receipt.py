"""The receipt of a load, and the comparison that decides whether weights belong to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from cmr_clip.errors import CheckpointMismatchError

__all__ = ["LoadReport", "require_match"]


@dataclass(frozen=True)
class LoadReport:
    """The receipt of a load: names of tensors, as the model has them.

    Attributes:
        loaded: found and used.
        missing: wanted and not found; a load that returns a model has none, except for the projection of an
            origin that never had one.
        unexpected: found and not explained by anything known.
        ignored: found, known, and of no use here (the text tower, loss buffers, alias names).
        interpolated: loaded after interpolation to another clip shape.
        replaced: taken from `legacy_positional_embeddings` instead of the checkpoint.
        untrained: filled at random on explicit request.
        origin: whose file it is: `cmr_clip` (a checkpoint of `cmr-clip fit`), `exported` (a folder of `cmr-clip
            export`), or the name that the encoder gives a file of another project, as mViT does: `authors_contrastive`
            and `authors_finetuned` (the paper authors' Lightning checkpoints), `pytorchvideo` and `torchvision`
            (Kinetics-400 weights). None where weights went straight into a given module.
        encoder: the encoder in a few words, with settings that no tensor shows.
        notes: what the user should know beyond names.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    interpolated: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    origin: str | None = None
    encoder: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line with the counts, then the notes."""
        parts = ("loaded", "missing", "unexpected", "ignored", "interpolated", "replaced", "untrained")
        counts = ", ".join(f"{len(getattr(self, part))} {part}" for part in parts if getattr(self, part))
        origin = "" if self.origin is None else f"{self.origin}: "
        encoder = f"; {self.encoder}" if self.encoder else ""
        return "\n".join([f"{origin}{counts or 'nothing loaded'}{encoder}", *self.notes])


def require_match(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], origin: str) -> LoadReport:
    """Compare names and shapes.

    Args:
        state: what was found, tensors of any shape.
        wanted: the state dict of the module to fill.
        origin: what the error calls the file.

    Raises:
        CheckpointMismatchError: a wanted tensor is missing or of another shape.
    """
    missing = tuple(name for name in wanted if name not in state)
    reshaped = [name for name in wanted if name in state and state[name].shape != wanted[name].shape]
    if missing or reshaped:
        name = (reshaped or list(missing))[0]
        found = tuple(state[name].shape) if name in state else "nothing"
        raise CheckpointMismatchError(
            f"{origin} is of another model: {len(missing)} of {len(wanted)} tensors are missing, {len(reshaped)} "
            f"have another shape; first {name}: wanted {tuple(wanted[name].shape)}, found {found}",
            "use the configuration it was trained with",
        )
    unexpected = tuple(name for name in state if name not in wanted)
    return LoadReport(tuple(wanted), missing, unexpected)

"""Classes that configurations of version 0.3 name at places where they no longer are, and where they are now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cmr_clip.errors import ConfigurationError
from cmr_clip.training.recipes import config_files, read_yaml, with_bases

__all__ = ["MOVED", "refuse_moved_names"]

MOVED = {
    "cmr_clip.callbacks.history.HistoryFile": "cmr_clip.training.callbacks.HistoryFile",
    "cmr_clip.callbacks.predictions.MetricsFile": "cmr_clip.training.callbacks.MetricsFile",
    "cmr_clip.callbacks.predictions.PredictionTables": "cmr_clip.training.callbacks.PredictionTables",
    "cmr_clip.callbacks.preemption.ResumePoints": "cmr_clip.training.callbacks.ResumePoints",
    "cmr_clip.callbacks.progress.ProgressLines": "cmr_clip.training.callbacks.ProgressLines",
    "cmr_clip.callbacks.progress.TrainingProgress": "cmr_clip.training.callbacks.TrainingProgress",
    "cmr_clip.callbacks.throughput.Throughput": "cmr_clip.training.callbacks.Throughput",
    "cmr_clip.checkpoint_io.AtomicCheckpointIO": "cmr_clip.training.AtomicCheckpointIO",
    "cmr_clip.data.clips.ClipSpec": "cmr_clip.clips.ClipSpec",
    "cmr_clip.models.mvit.MViT": "cmr_clip.encoders.MViT",
    "cmr_clip.models.presets.mvit_b_16x4": "cmr_clip.encoders.mvit_b_16x4",
    "cmr_clip.models.presets.mvit_b_32x3": "cmr_clip.encoders.mvit_b_32x3",
    "cmr_clip.models.presets.mvit_tiny": "cmr_clip.encoders.mvit_tiny",
    "cmr_clip.models.text.BertTextEncoder": "cmr_clip.encoders.BertTextEncoder",
    "cmr_clip.transforms.augmix.AugMix": "cmr_clip.transforms.AugMix",
}


def refuse_moved_names(arguments: Sequence[str]) -> None:
    """Name the new place of every moved class that the command line or its configuration files name.

    Raises:
        ConfigurationError: there is one; the message says what to write.
    """
    words = [name for word in arguments for name in re.findall(r"cmr_clip[\w.]*", word)]
    _refuse("the command line", words)
    parts = [part for word in arguments for part in (word, word.partition("=")[2]) if part.endswith((".yaml", ".yml"))]
    for file in dict.fromkeys([*config_files(with_bases(arguments)), *parts]):
        _refuse(file, list(_texts(read_yaml(Path(file)))))


def _refuse(where: str, names: Sequence[str]) -> None:
    moved = [name for name in dict.fromkeys(names) if name in MOVED]
    if moved:
        remedy = "; ".join(f"write {MOVED[name]} for {name}" for name in moved)
        raise ConfigurationError(f"{where} names a class at its place in version 0.3", remedy)


def _texts(content: Any) -> Iterator[str]:
    """Every text in the content of a YAML file."""
    match content:
        case str():
            yield content
        case dict():
            for value in content.values():
                yield from _texts(value)
        case list():
            for value in content:
                yield from _texts(value)

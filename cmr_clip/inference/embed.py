"""Embeddings of every clip of a store, as a table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.errors import CmrClipError
from cmr_clip.tables.embeddings import ClipName, embedding_table
from cmr_clip.weights.video import load_pretrained

__all__ = ["embed_store"]

_log = logging.getLogger(__name__)


def embed_store(
    checkpoint: Path,
    store: Path,
    *,
    batch_studies: int = 4,
    num_workers: int = 0,
    device: str | None = None,
    track: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> pd.DataFrame:
    """Embed a store with the video tower of a checkpoint, with the preprocessing that belongs to its weights.

    Args:
        checkpoint: whatever `load_pretrained` takes that has a projection: a checkpoint of `cmr-clip fit` or of the
            paper's authors, or an exported folder.
        store: the study store.
        batch_studies: studies at a time.
        num_workers: reading processes.
        device: torch device; the GPU if there is one.
        track: wraps the batches, for a progress bar.

    Returns:
        A row per clip: study, patient, view, slice, e0 … e(E-1), E = 512 in the paper.

    Raises:
        CmrClipError: the weights were never trained to embed, or the model diverged.
    """
    tower, receipt = load_pretrained(checkpoint)
    if tower.projection != "trained":
        raise CmrClipError(
            f"{checkpoint} has no projection into the embedding space ({receipt.origin})",
            "pretrain with it first: cmr-clip fit with model.init_args.kinetics_weights",
        )
    _log.info("weights: %s", receipt)
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tower.to(where)
    data = StudyBagDataModule(
        store, clip=tower.preprocessing, num_workers=num_workers, studies_per_eval_batch=batch_studies
    )
    clips: list[ClipName] = []
    vectors: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    with torch.inference_mode():
        for raw in track(data.predict_dataloader()):
            batch = data.prepare(data.transfer_batch_to_device(raw, where, 0))
            vectors.append(tower(batch["clips"]).float().cpu().numpy())
            if not np.isfinite(vectors[-1]).all():
                raise CmrClipError(
                    f"the encoder of {checkpoint} gives values that are not finite", "the model diverged"
                )
            for study, patient, names in zip(batch["study"], batch["patient"], batch["clip_names"], strict=True):
                clips.extend((study, patient, view, index) for view, index in names)
    return embedding_table(clips, np.concatenate(vectors))

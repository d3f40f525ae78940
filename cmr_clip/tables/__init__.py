"""The tables that training and inference write: their columns, written and read, one module each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.tables.embeddings import embedding_pieces as embedding_pieces
    from cmr_clip.tables.embeddings import read_embeddings as read_embeddings
    from cmr_clip.tables.embeddings import write_embeddings as write_embeddings
    from cmr_clip.tables.predictions import AttentionWeight as AttentionWeight
    from cmr_clip.tables.predictions import Prediction as Prediction
    from cmr_clip.tables.predictions import read_attention as read_attention
    from cmr_clip.tables.predictions import read_predictions as read_predictions
    from cmr_clip.tables.predictions import write_attention as write_attention
    from cmr_clip.tables.predictions import write_predictions as write_predictions
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        embeddings="embedding_pieces read_embeddings write_embeddings",
        predictions="AttentionWeight Prediction read_attention read_predictions write_attention write_predictions",
    )

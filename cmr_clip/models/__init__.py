"""What a model is made of: towers, attention-MIL trunk, heads, and the study model (plain modules, no Lightning)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.models.chunked import encode_in_chunks as encode_in_chunks
    from cmr_clip.models.class_names import class_index as class_index
    from cmr_clip.models.head_registry import register_head as register_head
    from cmr_clip.models.head_registry import registered_head as registered_head
    from cmr_clip.models.heads import BinaryHead as BinaryHead
    from cmr_clip.models.heads import Head as Head
    from cmr_clip.models.heads import RegressionHead as RegressionHead
    from cmr_clip.models.mil import BagOutput as BagOutput
    from cmr_clip.models.mil import GatedAttentionMIL as GatedAttentionMIL
    from cmr_clip.models.study_model import StudyModel as StudyModel
    from cmr_clip.models.study_model import StudyResult as StudyResult
    from cmr_clip.models.towers import ContrastiveModel as ContrastiveModel
    from cmr_clip.models.towers import Embeddings as Embeddings
    from cmr_clip.models.towers import VideoTower as VideoTower
    from cmr_clip.models.video_model import VideoModel as VideoModel
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        chunked="encode_in_chunks",
        class_names="class_index",
        head_registry="register_head registered_head",
        heads="BinaryHead Head RegressionHead",
        mil="BagOutput GatedAttentionMIL",
        study_model="StudyModel StudyResult",
        towers="ContrastiveModel Embeddings VideoTower",
        video_model="VideoModel",
    )

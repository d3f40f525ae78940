"""Looking at what an encoder learnt: a UMAP, its picture, and a page on which every point is a beating heart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.explore.projection import UmapSettings as UmapSettings
    from cmr_clip.explore.workflow import MapRequest as MapRequest
    from cmr_clip.explore.workflow import MapResult as MapResult
    from cmr_clip.explore.workflow import map_embeddings as map_embeddings
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        projection="UmapSettings",
        workflow="MapRequest MapResult map_embeddings",
    )

"""What a model is made of: towers, attention-MIL trunk, heads, and the study model (plain modules, no Lightning)."""

from cmr_clip.models.heads import BinaryHead, Head, RegressionHead
from cmr_clip.models.mil import GatedAttentionMIL

__all__ = ["BinaryHead", "GatedAttentionMIL", "Head", "RegressionHead"]

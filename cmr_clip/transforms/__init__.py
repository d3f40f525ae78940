"""What happens to a batch of clips on the device."""

from cmr_clip.transforms.augmentation import Jitter
from cmr_clip.transforms.crop_augmix import CropAugMix

__all__ = ["CropAugMix", "Jitter"]

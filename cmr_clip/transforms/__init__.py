"""What happens to a batch of clips on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.transforms.augmentation import Augmentation as Augmentation
    from cmr_clip.transforms.augmentation import Jitter as Jitter
    from cmr_clip.transforms.augmix.augmix import AugMix as AugMix
    from cmr_clip.transforms.clip_transform import ClipTransform as ClipTransform
    from cmr_clip.transforms.crop_augmix import CropAugMix as CropAugMix
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        augmentation="Augmentation Jitter",
        augmix__augmix="AugMix",
        clip_transform="ClipTransform",
        crop_augmix="CropAugMix",
    )

"""From the study store to batches: workers hand over uint8 clips, the device does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.data.bag_module import StudyBagDataModule as StudyBagDataModule
    from cmr_clip.data.batches import BagBatch as BagBatch
    from cmr_clip.data.batches import PairBatch as PairBatch
    from cmr_clip.data.contrastive_module import ContrastiveDataModule as ContrastiveDataModule
    from cmr_clip.data.datasets import PairDataset as PairDataset
    from cmr_clip.data.datasets import StudyBagDataset as StudyBagDataset
    from cmr_clip.data.datasets import collate_bags as collate_bags
    from cmr_clip.data.datasets import collate_pairs as collate_pairs
    from cmr_clip.data.probes import Probe as Probe
    from cmr_clip.data.probes import probe_truth as probe_truth
    from cmr_clip.data.probes import read_probes as read_probes
    from cmr_clip.data.samplers import PatientBatchSampler as PatientBatchSampler
    from cmr_clip.data.store_module import StoreDataModule as StoreDataModule
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        bag_module="StudyBagDataModule",
        batches="BagBatch PairBatch",
        contrastive_module="ContrastiveDataModule",
        datasets="PairDataset StudyBagDataset collate_bags collate_pairs",
        probes="Probe probe_truth read_probes",
        samplers="PatientBatchSampler",
        store_module="StoreDataModule",
    )

"""Contrastive pretraining of the video encoder against report sentences."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, cast

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional as F

from cmr_clip.data.batches import BagBatch, PairBatch
from cmr_clip.data.contrastive_module import ContrastiveDataModule
from cmr_clip.distributed import gather, gather_with_gradient, mean_over_ranks
from cmr_clip.errors import CmrClipError
from cmr_clip.losses.flooding import flood
from cmr_clip.losses.info_nce import contrastive_loss
from cmr_clip.metrics.retrieval import retrieval_metrics
from cmr_clip.models.checkpoints import load_kinetics
from cmr_clip.models.contrastive import ContrastiveModel
from cmr_clip.models.mvit import MViT
from cmr_clip.models.text import BertTextEncoder
from cmr_clip.tasks.base import VideoTask
from preprocess.tokenizer import load_tokenizer

__all__ = ["ContrastivePretraining", "Negatives"]


Negatives = Literal["gathered", "local"]
"""With whose clips and reports a rank compares its own: all ranks', or its own as the paper did."""


class ContrastivePretraining(VideoTask):
    """InfoNCE between clips and sentences, flooded; validated by retrieval over whole studies.

    Args:
        video_encoder: the video encoder.
        text_encoder: the report encoder.
        kinetics_weights: pytorchvideo's Kinetics-400 file to start from (the paper does); random without.
        embed_dim: E, size of the shared space (the paper: 512).
        temperature: τ; the paper gives none, 0.1 follows ConVIRT.
        learn_temperature: train log τ.
        video_weight: λ, weight of the clip-to-report direction; the paper gives none, 0.75 follows ConVIRT.
        flood_level: b of Eq. 3 (the paper: 0.05); validation is never flooded.
        negatives: `gathered` compares with all ranks, `local` with the own rank only, as the paper did.
        text_lr_factor: learning rate of the BERT relative to the rest (the paper: the same).
        optimizer: made from the trainable parameters.
        lr_scheduler: stepped once per epoch.
    """

    model: ContrastiveModel

    def __init__(
        self,
        video_encoder: MViT,
        text_encoder: BertTextEncoder,
        kinetics_weights: Path | None = None,
        embed_dim: int = 512,
        temperature: float = 0.1,
        learn_temperature: bool = False,
        video_weight: float = 0.75,
        flood_level: float = 0.05,
        negatives: Negatives = "gathered",
        text_lr_factor: float = 1.0,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(ContrastiveModel(video_encoder, text_encoder, embed_dim), optimizer, lr_scheduler)
        self.save_hyperparameters(
            {
                "temperature": temperature,
                "learn_temperature": learn_temperature,
                "video_weight": video_weight,
                "flood_level": flood_level,
                "negatives": negatives,
            }
        )
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)), requires_grad=learn_temperature)
        self.kinetics_weights = kinetics_weights
        self.video_weight = video_weight
        self.flood_level = flood_level
        self.text_lr_factor = text_lr_factor
        self.negatives: Negatives = negatives
        self._studies: list[Tensor] = []
        self._reports: list[Tensor] = []
        self._ids: list[Tensor] = []

    def setup(self, stage: str) -> None:
        """Check that the reports were tokenised for the text encoder; start from Kinetics weights, if given.

        Raises:
            CmrClipError: another vocabulary, or clips of another size than the encoder takes.
        """
        super().setup(stage)
        self._check_vocabulary()
        if stage == "fit" and self.kinetics_weights is not None:
            load_kinetics(self.model.video_encoder, self.kinetics_weights)

    def _check_vocabulary(self) -> None:
        index = cast(ContrastiveDataModule, cast(Any, self.trainer).datamodule).sentence_index
        source = self.model.text_encoder.source
        if load_tokenizer(source).sha256 != index.tokenizer_sha256:
            raise CmrClipError(
                f"the sentence index was made with the tokenizer {index.tokenizer}, whose vocabulary is not that of "
                f"the text encoder {source}",
                f"make it again with cmr-preprocess reports --tokenizer {source}",
            )

    def shape_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the BERT its own learning rate."""
        if self.text_lr_factor == 1.0:
            return
        bert = {id(parameter) for parameter in self.model.text_encoder.parameters()}
        (group,) = optimizer.param_groups
        text = [parameter for parameter in group["params"] if id(parameter) in bert]
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in bert]
        settings = {name: value for name, value in group.items() if name != "params"}
        optimizer.add_param_group({**settings, "params": text, "lr": self.text_lr_factor * group["lr"]})

    def loss(self, video: Tensor, text: Tensor, report: Tensor) -> Tensor:
        """The unflooded loss of this rank, Eq. 1 and 2; embeddings `[B, E]`, report ids `[B]`."""
        keys_video, keys_text, keys_report = video, text, report
        if self.negatives == "gathered":
            keys_video, keys_text = gather_with_gradient(video), gather_with_gradient(text)
            keys_report = gather(report)
        return contrastive_loss(
            video,
            text,
            keys_video,
            keys_text,
            report[:, None] == keys_report[None, :],
            temperature=self.log_temperature.exp(),
            video_weight=self.video_weight,
        )

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """One step on clips and sentences of B studies."""
        video, text = self.model.pair(batch["clips"], batch["tokens"], batch["mask"])
        loss = self.loss(video, text, batch["report"])
        mean_loss = mean_over_ranks(loss)
        self.log("train/loss", mean_loss, prog_bar=True, batch_size=len(video))
        self.log("train/temperature", self.log_temperature.exp())
        return flood(loss, self.flood_level, mean_loss)

    def _shared_eval_step(self, batch: BagBatch) -> None:
        clips = self.model(batch["clips"])
        bags = clips.split(batch["counts"].tolist())
        studies = torch.stack([bag.mean(dim=0) for bag in bags])
        self._studies.append(F.normalize(studies, dim=-1))
        self._reports.append(self.model.embed_text(batch["tokens"], batch["mask"]))
        self._ids.append(batch["report"])

    def _shared_eval_end(self, stage: str) -> None:
        studies, reports, ids = (torch.cat(part) for part in (self._studies, self._reports, self._ids))
        metrics = retrieval_metrics(studies.float(), reports.float(), ids)
        self.log_dict({f"{stage}/retrieval/{name}": value for name, value in metrics.items()})
        same = ids[:, None] == ids[None, :]
        loss = contrastive_loss(
            studies,
            reports,
            studies,
            reports,
            same,
            temperature=self.log_temperature.exp(),
            video_weight=self.video_weight,
        )
        self.log(f"{stage}/loss", loss)
        self.log(f"{stage}/r_at_5", metrics["r_at_5"], prog_bar=True, logger=False)
        for part in (self._studies, self._reports, self._ids):
            part.clear()

    def validation_step(self, batch: BagBatch, batch_idx: int) -> None:
        """Embed whole studies and reports."""
        self._shared_eval_step(batch)

    def on_validation_epoch_end(self) -> None:
        """Retrieval over the validation set."""
        self._shared_eval_end("val")

    def test_step(self, batch: BagBatch, batch_idx: int) -> None:
        """Embed whole studies and reports."""
        self._shared_eval_step(batch)

    def on_test_epoch_end(self) -> None:
        """Retrieval over the test set."""
        self._shared_eval_end("test")

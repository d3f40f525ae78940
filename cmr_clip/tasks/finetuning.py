"""Fine-tuning: gated attention over all clips of a study, for one or many targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, cast

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torchmetrics import MetricCollection

from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.data.batches import BagBatch
from cmr_clip.encoders.protocol import VideoEncoder
from cmr_clip.errors import CmrClipError
from cmr_clip.models.heads import Head
from cmr_clip.models.mil import BagOutput, GatedAttentionMIL
from cmr_clip.models.towers import VideoTower
from cmr_clip.tasks.base import VideoTask
from cmr_clip.weights.into_task import load_tower_weights

__all__ = ["Freeze", "StudyFinetuning", "StudyPredictions"]


Freeze = Literal["encoder", "tower", "nothing"]
"""What does not train: `encoder` is the paper's fine-tuning (projection and heads train), `nothing` its transfer
(everything trains), `tower` its linear mode (heads only)."""


class StudyPredictions(TypedDict):
    """What the task says of the studies of a batch.

    Attributes:
        study: B keys.
        patient: B keys.
        clip_names: B lists of (view, slice).
        truth: labels per target `[B]`; empty where the data have none.
        scores: per target `[B]`: a probability or a number in the target's unit.
        attention: per target and study, the weights of its clips.
    """

    study: list[str]
    patient: list[str]
    clip_names: list[list[tuple[str, int]]]
    truth: dict[str, Tensor]
    scores: dict[str, Tensor]
    attention: dict[str, list[Tensor]]


class StudyFinetuning(VideoTask):
    """One encoder, one shared attention-MIL trunk, one head per target.

    Args:
        video_encoder: the video encoder.
        heads: the targets.
        encoder_checkpoint: weights of the encoder and the projection: a checkpoint of pretraining, ours or the paper
            authors', or an exported folder; random without.
        interpolate_positions: bring those weights to the encoder's clip shape where they were trained on another (mViT
            interpolates its positional embeddings, other kinds may refuse); without, such weights are refused.
        embed_dim: E, size of the shared space.
        hidden: width of the MIL trunk.
        layernorm: normalise the trunk's output.
        dropout: in the MIL trunk.
        freeze: what does not train.
        cache_features: run a frozen encoder once over the training and validation studies and train on its
            features; only without augmentation.
        optimizer: made from the trainable parameters.
        lr_scheduler: stepped once per epoch.
    """

    def __init__(
        self,
        video_encoder: VideoEncoder,
        heads: Sequence[Head],
        encoder_checkpoint: Path | None = None,
        embed_dim: int = 512,
        hidden: int = 256,
        layernorm: bool = False,
        dropout: float = 0.25,
        freeze: Freeze = "encoder",
        cache_features: bool = True,
        interpolate_positions: bool = False,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(VideoTower(video_encoder, embed_dim), optimizer, lr_scheduler)
        self.save_hyperparameters(
            {
                "targets": [head.target for head in heads],
                "freeze": freeze,
                "pretrained": encoder_checkpoint is not None,
                "layernorm": layernorm,
                "dropout": dropout,
            }
        )
        self.encoder_checkpoint = encoder_checkpoint
        self.interpolate_positions = interpolate_positions
        self.freeze_mode: Freeze = freeze
        self.cache_features = cache_features and self.freeze_mode != "nothing"
        self.heads = nn.ModuleList(heads)
        self.classifier_head = GatedAttentionMIL(
            embed_dim, hidden, n_targets=len(heads), layernorm=layernorm, dropout=dropout
        )
        self._metrics = nn.ModuleDict({stage: self._metrics_of(stage) for stage in ("val", "test")})
        for module in self._frozen():
            module.requires_grad_(False)

    def _targets(self) -> list[Head]:
        return cast(list[Head], list(self.heads))

    def _metrics_of(self, stage: str) -> nn.ModuleList:
        """Metrics of each head, in the order of the heads: names of targets may hold dots, names of modules not."""
        return nn.ModuleList(head.metrics().clone(prefix=f"{stage}/{head.target}/") for head in self._targets())

    def _frozen(self) -> list[nn.Module]:
        match self.freeze_mode:
            case "encoder":
                return [self.model.video_encoder]
            case "tower":
                return [self.model]
            case "nothing":
                return []

    def train(self, mode: bool = True) -> StudyFinetuning:
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def setup(self, stage: str) -> None:
        """Load pretrained weights and take from the training labels what the heads need."""
        super().setup(stage)
        data = self._data()
        if stage in ("validate", "test"):
            for head in self._targets():
                data.labels_of("test" if stage == "test" else "val", head.target)
        if stage != "fit":
            return
        if self.encoder_checkpoint is not None:
            load_tower_weights(
                self.model, self.encoder_checkpoint, self._clip_spec, interpolate=self.interpolate_positions
            )
        for index, head in enumerate(self._targets()):
            labels = data.labels_of("train", head.target)
            labels = labels[~labels.isnan()]
            if not len(labels):
                raise CmrClipError(f"no training study has a label for target {head.target!r}")
            with torch.no_grad():
                self.classifier_head.output_layer.bias[index] = head.fit_labels(labels)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Describe the encoder and the heads, so that `load_study_model` rebuilds both."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["cmr_clip"]["heads"] = [head.description() for head in self._targets()]

    def _data(self) -> StudyBagDataModule:
        return cast(StudyBagDataModule, cast(Any, self.trainer).datamodule)

    def on_fit_start(self) -> None:
        """Run the frozen encoder once over every study that training and validation will ask for."""
        data = self._data()
        if not self.cache_features or data.has_augmentation:
            return
        with torch.random.fork_rng(devices=[]):  # the course of training must not depend on the cache
            for split in ("train", "val"):
                data.dataset(split).features = self._features_of(data, split)

    @torch.no_grad()
    def _features_of(self, data: StudyBagDataModule, split: str) -> dict[str, Tensor]:
        self.model.video_encoder.eval()
        features: dict[str, Tensor] = {}
        for raw in data.eval_loader(split):
            batch = data.prepare(data.transfer_batch_to_device(raw, self.device, 0))
            encoded = self.model.video_encoder(batch["clips"]).cpu()
            features.update(zip(batch["study"], encoded.split(batch["counts"].tolist()), strict=True))
        return features

    def forward(self, batch: BagBatch) -> BagOutput:
        """Logits `[B, K]` and attention `[B, K, N]` of the studies of a batch."""
        features = batch["features"] if "features" in batch else self.model.video_encoder(batch["clips"])
        bags = self.model.project(features).split(batch["counts"].tolist())  # type: ignore[no-untyped-call]
        padded = pad_sequence(list(bags), batch_first=True)
        mask = torch.arange(padded.shape[1], device=padded.device) < batch["counts"][:, None]
        return cast(BagOutput, self.classifier_head(padded, mask))

    def _loss(self, output: BagOutput, batch: BagBatch) -> Tensor:
        """The mean over targets of the losses over labelled studies."""
        losses = []
        for index, head in enumerate(self._targets()):
            truth = batch["labels"][head.target]
            known = ~truth.isnan()
            if known.any():
                losses.append(head.loss(output.logits[known, index], truth[known]))
        return torch.stack(losses).mean() if losses else output.logits.sum() * 0

    def training_step(self, batch: BagBatch, batch_idx: int) -> Tensor:
        """One step on B studies."""
        loss = self._loss(self(batch), batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch["study"]))
        return loss

    def _shared_eval_step(self, batch: BagBatch, stage: str) -> StudyPredictions:
        output = self(batch)
        predictions = self._predictions(output, batch)
        self.log(f"{stage}/loss", self._loss(output, batch), batch_size=len(batch["study"]))
        of_stage = cast(list[MetricCollection], list(cast(nn.ModuleList, self._metrics[stage])))
        for head, metrics in zip(self._targets(), of_stage, strict=True):
            truth = batch["labels"][head.target]
            known = ~truth.isnan()
            if known.any():
                metrics.update(predictions["scores"][head.target][known], head.metric_target(truth[known]))
                self._log_references(head, truth[known], stage)
            self.log_dict(metrics, on_epoch=True, batch_size=len(batch["study"]))
        return predictions

    def _log_references(self, head: Head, truth: Tensor, stage: str) -> None:
        for name, guess in head.reference(truth).items():
            error = (guess - truth).abs().mean()
            self.log(f"{stage}/{head.target}/mae_{name}", error, batch_size=len(truth))

    def _predictions(self, output: BagOutput, batch: BagBatch) -> StudyPredictions:
        counts = batch["counts"].tolist()
        scores, attention = {}, {}
        for index, head in enumerate(self._targets()):
            scores[head.target] = head.predict(output.logits[:, index]).float()
            weights = output.attention[:, index].float()
            attention[head.target] = [row[:count] for row, count in zip(weights, counts, strict=True)]
        return {
            "study": batch["study"],
            "patient": batch["patient"],
            "clip_names": batch["clip_names"],
            "truth": batch["labels"],
            "scores": scores,
            "attention": attention,
        }

    def validation_step(self, batch: BagBatch, batch_idx: int) -> None:
        """Metrics over whole studies."""
        self._shared_eval_step(batch, "val")

    def test_step(self, batch: BagBatch, batch_idx: int) -> StudyPredictions:
        """Metrics and predictions of whole studies."""
        return self._shared_eval_step(batch, "test")

    def predict_step(self, batch: BagBatch, batch_idx: int) -> StudyPredictions:
        """Predictions of whole studies."""
        return self._predictions(self(batch), batch)

"""Fine-tuning: gated attention over all clips of a study, for one or many targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.data.batches import BagBatch
from cmr_clip.encoders.protocol import VideoEncoder
from cmr_clip.errors import CmrClipError
from cmr_clip.models.head_inputs import HeadInput, inputs_of
from cmr_clip.models.head_registry import describe_heads, require_loadable_heads
from cmr_clip.models.heads import Head
from cmr_clip.models.mil import BagOutput, GatedAttentionMIL
from cmr_clip.models.towers import VideoTower
from cmr_clip.tasks.head_metrics import HeadMetrics, is_labelled
from cmr_clip.tasks.study_predictions import StudyPredictions, study_predictions
from cmr_clip.tasks.video_task import VideoTask
from cmr_clip.weights.into_task import load_tower_weights

__all__ = ["Freeze", "StudyFinetuning"]

Freeze = Literal["encoder", "tower", "nothing"]
"""What does not train: `encoder` is the paper's fine-tuning (projection and heads train), `nothing` its transfer
(everything trains), `tower` its linear mode (heads only)."""


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
            embed_dim, hidden, widths=[head.width for head in heads], layernorm=layernorm, dropout=dropout
        )
        self._metrics = nn.ModuleDict({stage: HeadMetrics(heads) for stage in ("val", "test")})
        for module in self._frozen():
            module.requires_grad_(False)

    def _targets(self) -> list[Head]:
        return cast(list[Head], list(self.heads))

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
        """Load pretrained weights and take from the training labels what the heads need.

        Raises:
            CmrClipError: a head of no registered kind, no training label for a head, or labels that it does not take.
        """
        super().setup(stage)
        if stage == "predict":
            return
        self._data().use_targets(self._targets())
        if stage != "fit":
            return
        require_loadable_heads(self._targets())
        if self.encoder_checkpoint is not None:
            load_tower_weights(
                self.model, self.encoder_checkpoint, self._clip_spec, interpolate=self.interpolate_positions
            )
        with torch.no_grad():
            biases = []
            for head in self._targets():  # each sees its training labels and gives its initial bias `[K]`
                labels = self._data().labels_of("train", head.target)
                labels = labels[is_labelled(labels)]
                if not len(labels):
                    raise CmrClipError(f"no training study has a label for target {head.target!r}")
                biases.append(torch.as_tensor(head.fit_labels(labels), dtype=torch.float32).reshape(head.width))
            self.classifier_head.output_layer.bias.copy_(torch.cat(biases))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Describe the encoder and the heads, so that `load_study_model` rebuilds both."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["cmr_clip"]["heads"] = describe_heads(self._targets())

    def _data(self) -> StudyBagDataModule:
        return cast(StudyBagDataModule, cast(Any, self.trainer).datamodule)

    def on_fit_start(self) -> None:
        """Run the frozen encoder once over every study that training and validation will ask for."""
        data = self._data()
        if not self.cache_features or data.has_augmentation:
            return
        encoder = self.model.video_encoder.eval()
        # The course of training must not depend on the cache
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            for split in ("train", "val"):
                features: dict[str, Tensor] = {}
                for raw in data.eval_loader(split):
                    batch = data.prepare(data.transfer_batch_to_device(raw, self.device, 0))
                    encoded = encoder(batch["clips"]).cpu()
                    features.update(zip(batch["study"], encoded.split(batch["counts"].tolist()), strict=True))
                data.dataset(split).features = features

    def forward(self, batch: BagBatch) -> BagOutput:
        """Logits `[B, W]` and attention `[B, R, N]` of the B studies of a batch; see `GatedAttentionMIL`."""
        features = batch["features"] if "features" in batch else self.model.video_encoder(batch["clips"])
        bags = self.model.project(features).split(batch["counts"].tolist())  # type: ignore[no-untyped-call]
        padded = pad_sequence(list(bags), batch_first=True)
        mask = torch.arange(padded.shape[1], device=padded.device) < batch["counts"][:, None]
        return cast(BagOutput, self.classifier_head(padded, mask))

    def _losses(self, parts: list[HeadInput], batch: BagBatch) -> list[Tensor]:
        """The mean loss over labelled studies of each head that has some in this batch."""
        losses = []
        for head, logits, _ in parts:
            truth = batch["labels"][head.target]
            known = is_labelled(truth)
            if known.any():
                losses.append(head.loss(logits[known], truth[known]))
        return losses

    def training_step(self, batch: BagBatch, batch_idx: int) -> Tensor:
        """One step on B studies: the mean over heads of their losses, a scalar."""
        output = self(batch)
        losses = self._losses(inputs_of(self._targets(), output), batch)
        if not losses:
            return cast(Tensor, output.logits.sum() * 0)  # nothing to learn from, nothing to report
        loss = torch.stack(losses).mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch["study"]))
        return loss

    def _shared_eval_step(self, batch: BagBatch, stage: str) -> StudyPredictions:
        parts = inputs_of(self._targets(), self(batch))
        if losses := self._losses(parts, batch):
            self.log(f"{stage}/loss", torch.stack(losses).mean(), batch_size=len(batch["study"]))
        scores = [head.predict(logits).float() for head, logits, _ in parts]
        for index, head in enumerate(self._targets()):
            truth = batch["labels"][head.target]
            cast(HeadMetrics, self._metrics[stage]).update(index, scores[index], truth)
            labelled = truth[is_labelled(truth)]
            # Beside the metrics, what trivial predictions reach
            for name, values in (head.reference(labelled) if len(labelled) else {}).items():
                mean = values.mean()
                if not mean.isnan():
                    self.log(f"{stage}/{head.target}/{name}", mean, batch_size=len(labelled))
        return study_predictions(parts, scores, batch)

    def _shared_eval_end(self, stage: str) -> None:
        metrics = cast(HeadMetrics, self._metrics[stage]).compute(self.device)
        self.log_dict({f"{stage}/{name}": value for name, value in metrics.items()}, batch_size=1)

    def validation_step(self, batch: BagBatch, batch_idx: int) -> None:
        """Metrics over whole studies."""
        self._shared_eval_step(batch, "val")

    def on_validation_epoch_end(self) -> None:
        """Metrics over the validation set."""
        self._shared_eval_end("val")

    def test_step(self, batch: BagBatch, batch_idx: int) -> StudyPredictions:
        """Metrics and predictions of whole studies."""
        return self._shared_eval_step(batch, "test")

    def on_test_epoch_end(self) -> None:
        """Metrics over the test set."""
        self._shared_eval_end("test")

    def predict_step(self, batch: BagBatch, batch_idx: int) -> StudyPredictions:
        """Predictions of whole studies."""
        parts = inputs_of(self._targets(), self(batch))
        return study_predictions(parts, [head.predict(logits).float() for head, logits, _ in parts], batch)

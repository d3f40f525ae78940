"""Contrastive pretraining of the video encoder against report sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from cmr_clip.data.batches import BagBatch, PairBatch
from cmr_clip.data.contrastive_module import ContrastiveDataModule
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.encoders.protocol import VideoEncoder
from cmr_clip.errors import CmrClipError
from cmr_clip.losses.flooding import flood
from cmr_clip.losses.objectives import ContrastiveObjective, InfoNCE
from cmr_clip.models.chunked import encode_in_chunks
from cmr_clip.models.towers import ContrastiveModel
from cmr_clip.runtime.distributed import mean_over_ranks
from cmr_clip.tasks.pair_loss import Negatives, pair_loss
from cmr_clip.tasks.retrieval import StudyRetrieval
from cmr_clip.tasks.step_seed import step_seed
from cmr_clip.tasks.video_task import VideoTask
from cmr_clip.tasks.zero_shot import probe_directions
from cmr_clip.weights.into_task import load_encoder_weights
from preprocess.reports.tokenizer import ReportTokenizer, load_tokenizer

__all__ = ["ContrastivePretraining"]


class ContrastivePretraining(VideoTask):
    """A contrastive objective between clips and sentences, flooded; validated by retrieval over whole studies.

    Args:
        video_encoder: the video encoder.
        text_encoder: the report encoder.
        kinetics_weights: weights to start the video encoder from: the paper's Kinetics-400 file of pytorchvideo, or any
            other that holds this encoder (see `load_pretrained`); random without.
        interpolate_positions: take such weights of another clip shape by interpolating positional embeddings.
        embed_dim: E, size of the shared space (the paper: 512).
        objective: the loss with its temperature; the paper's InfoNCE by default.
        flood_level: b of Eq. 3 (the paper: 0.05); validation is never flooded.
        negatives: `gathered` compares with all ranks, `local` with the own rank only, as the paper did.
        chunk_size: encode this many clips or reports at a time, for batches beyond memory; costs one more forward pass.
        text_lr_factor: learning rate of the BERT relative to the rest (the paper: the same).
        compile_encoder: compile the video encoder with `torch.compile`.
        optimizer: made from the trainable parameters.
        lr_scheduler: stepped once per epoch.
    """

    model: ContrastiveModel

    def __init__(
        self,
        video_encoder: VideoEncoder,
        text_encoder: BertTextEncoder,
        kinetics_weights: Path | None = None,
        interpolate_positions: bool = False,
        embed_dim: int = 512,
        objective: ContrastiveObjective | None = None,
        flood_level: float = 0.05,
        negatives: Negatives = "gathered",
        chunk_size: int | None = None,
        text_lr_factor: float = 1.0,
        compile_encoder: bool = False,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(
            ContrastiveModel(video_encoder, text_encoder, embed_dim), optimizer, lr_scheduler, compile_encoder
        )
        self.objective = InfoNCE() if objective is None else objective
        self.save_hyperparameters(
            {
                "objective": type(self.objective).__name__,
                "temperature": self.objective.temperature.item(),
                "flood_level": flood_level,
                "negatives": negatives,
            }
        )
        self.kinetics_weights = kinetics_weights
        self.interpolate_positions = interpolate_positions
        self.flood_level = flood_level
        self.negatives: Negatives = negatives
        self.chunk_size = chunk_size
        self.text_lr_factor = text_lr_factor
        self._retrieval = StudyRetrieval()
        self._tokenizer: ReportTokenizer | None = None

    def setup(self, stage: str) -> None:
        """Check that the reports were tokenised for the text encoder; start from Kinetics weights, if given.

        Raises:
            CmrClipError: another vocabulary, or clips of another size than the encoder takes.
        """
        super().setup(stage)
        data, source = self._data(), self.model.text_encoder.source
        self._tokenizer = tokenizer = load_tokenizer(source)
        if tokenizer.sha256 != data.sentence_index.tokenizer_sha256:
            raise CmrClipError(
                f"the sentence index was made with the tokenizer {data.sentence_index.tokenizer}, whose vocabulary is "
                f"not that of the text encoder {source}",
                f"make it again with cmr-preprocess reports --tokenizer {source}",
            )
        if stage == "fit" and self.kinetics_weights is not None:
            load_encoder_weights(
                self.model.video_encoder, self.kinetics_weights, interpolate=self.interpolate_positions
            )

    def _data(self) -> ContrastiveDataModule:
        return cast(ContrastiveDataModule, cast(Any, self.trainer).datamodule)

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

    def on_train_batch_start(self, batch: PairBatch, batch_idx: int) -> None:
        """Let dropout depend on the samples of this step alone, so that a resumed run repeats it exactly."""
        torch.manual_seed(step_seed(batch["seeds"]))

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """One step on clips `[B, 1, T, H, W]` and sentences `[B, L]` of B studies; the flooded loss, a scalar."""
        video = encode_in_chunks(self.model, (batch["clips"],), self.chunk_size)
        text = encode_in_chunks(self.model.embed_text, (batch["tokens"], batch["mask"]), self.chunk_size)
        with torch.autocast(self.device.type, enabled=False):  # in bf16 the loss would move in steps of 1/128
            loss = pair_loss(self.objective, video.float(), text.float(), batch["report"], self.negatives)
        mean_loss = mean_over_ranks(loss)
        count = len(video)
        self.log("train/loss", mean_loss, prog_bar=True, batch_size=count)
        self.log("train/temperature", self.objective.temperature, batch_size=count)
        self.log("train/truncated_tokens", float(sum(batch["truncated"])), batch_size=count)
        return flood(loss, self.flood_level, mean_loss)

    def _shared_eval_step(self, batch: BagBatch) -> None:
        studies = [clips.mean(dim=0) for clips in self.model(batch["clips"]).split(batch["counts"].tolist())]
        reports = self.model.embed_text(batch["tokens"], batch["mask"])
        self._retrieval.add(torch.stack(studies), reports, batch["report"], batch["labels"])

    def _shared_eval_end(self, stage: str) -> None:
        probes = self._data().probes
        directions = probe_directions(self.model, probes, cast(ReportTokenizer, self._tokenizer)) if probes else None
        collected = self._retrieval.collect(self.model.video_proj.out_features, len(probes), self.device)
        metrics = collected.metrics([probe.finding for probe in probes], directions)
        studies, reports = collected.studies, collected.reports
        same = collected.report_ids[:, None] == collected.report_ids[None, :]
        metrics["loss"] = float(self.objective(studies, reports, studies, reports, same))
        self.log_dict({f"{stage}/{name}": value for name, value in metrics.items()}, batch_size=1)
        if "retrieval/r_at_5" in metrics:
            self.log(f"{stage}/r_at_5", metrics["retrieval/r_at_5"], prog_bar=True, logger=False, batch_size=1)

    def validation_step(self, batch: BagBatch, batch_idx: int) -> None:
        """Embed whole studies and reports."""
        self._shared_eval_step(batch)

    def on_validation_epoch_end(self) -> None:
        """Retrieval and zero-shot probes over the validation set."""
        self._shared_eval_end("val")

    def test_step(self, batch: BagBatch, batch_idx: int) -> None:
        """Embed whole studies and reports."""
        self._shared_eval_step(batch)

    def on_test_epoch_end(self) -> None:
        """Retrieval and zero-shot probes over the test set."""
        self._shared_eval_end("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Describe the text encoder too."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["cmr_clip"]["text_encoder"] = self.model.text_encoder.description()

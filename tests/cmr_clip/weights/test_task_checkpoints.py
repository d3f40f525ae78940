"""What the tasks write is what the loaders take: a fit, its checkpoint, and the model without Lightning."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from cmr_clip import load_contrastive, load_pretrained, load_study_model
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.data.contrastive_module import ContrastiveDataModule
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.models.heads import BinaryHead, RegressionHead
from cmr_clip.tasks.contrastive import ContrastivePretraining
from cmr_clip.tasks.finetuning import StudyFinetuning
from cmr_clip.weights.exporting.export import export_weights
from cmr_clip.weights.sources import read_source
from tests.support.cohort import TOKENIZER, Cohort

SPEC = ClipSpec(n_frames=4, size=32, field_of_view_mm=120)


def checkpoint(task: pl.LightningModule, data: pl.LightningDataModule, root: Path) -> Path:
    trainer = pl.Trainer(
        default_root_dir=root,
        max_epochs=1,
        limit_train_batches=1,
        limit_val_batches=0,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(task, datamodule=data)
    trainer.save_checkpoint(root / "task.ckpt")
    return root / "task.ckpt"


def test_a_fine_tuned_checkpoint_scores_studies_as_the_task_does(cohort: Cohort, tmp_path: Path) -> None:
    heads = [RegressionHead("lvef_percent"), BinaryHead("dilated")]
    task = StudyFinetuning(mvit_tiny(4, 32), heads, embed_dim=16, hidden=12, layernorm=True)
    data = StudyBagDataModule(cohort.store, cohort.labels, cohort.splits, clip=SPEC, batch_size=5)
    path = checkpoint(task, data, tmp_path)
    task.eval()
    (batch,) = [data.prepare(raw) for raw in data.test_dataloader()]
    with torch.no_grad():
        wanted = task.predict_step(batch, 0)
    export_weights(read_source(path), tmp_path / "out")
    for place in (path, tmp_path / "out"):
        model, receipt = load_study_model(place)
        assert (receipt.missing, receipt.unexpected) == ((), ())
        assert model.preprocessing == SPEC
        bags = batch["clips"].split(batch["counts"].tolist())
        for index, bag in enumerate(bags):
            for target, result in model.results(bag).items():
                torch.testing.assert_close(result.score, wanted["scores"][target][index], atol=1e-4, rtol=1e-4)
                torch.testing.assert_close(result.attention, wanted["attention"][target][index], atol=1e-5, rtol=1e-4)
        assert float(model.heads[0].train_mean) == pytest.approx(float(heads[0].train_mean))


def test_a_contrastive_checkpoint_gives_both_towers(cohort: Cohort, tmp_path: Path) -> None:
    text = BertTextEncoder(TOKENIZER, 4, random_weights=True)
    task = ContrastivePretraining(mvit_tiny(4, 32), text, embed_dim=16)
    data = ContrastiveDataModule(cohort.store, cohort.sentences, cohort.splits, clip=SPEC, batch_size=5)
    path = checkpoint(task, data, tmp_path)
    model, spec, tokenizer = load_contrastive(path)
    assert (spec, tokenizer) == (SPEC, TOKENIZER)
    wanted = task.model.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    clips = torch.randn(2, 1, 4, 32, 32)
    torch.testing.assert_close(load_pretrained(path)[0](clips), task.model.eval()(clips))

"""What trains, what does not, and what a checkpoint holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from torch.nn import functional as F

from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.data.contrastive_module import ContrastiveDataModule
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.inference.embed import embed_store
from cmr_clip.models.heads import BinaryHead, RegressionHead
from cmr_clip.models.towers import VideoTower
from cmr_clip.tables.embeddings import write_embeddings
from cmr_clip.tasks.contrastive import ContrastivePretraining
from cmr_clip.tasks.finetuning import Freeze, StudyFinetuning
from cmr_clip.weights.into_task import load_encoder_weights, load_tower_weights
from cmr_clip.weights.video import load_pretrained
from tests.support.cohort import TOKENIZER, Cohort

SPEC = ClipSpec(n_frames=4, size=32, field_of_view_mm=120)


def encoder() -> MViT:
    torch.manual_seed(0)
    return mvit_tiny(4, 32)


def trainer(root: Path, **more: object) -> pl.Trainer:
    settings = {"max_epochs": 2, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    quiet = {"enable_model_summary": False, "num_sanity_val_steps": 0, "use_distributed_sampler": False}
    return pl.Trainer(default_root_dir=root, **{**settings, **quiet, **more})


@pytest.fixture(scope="module")
def pretrained(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> tuple[ContrastivePretraining, Path, dict]:
    """A task after two epochs, its checkpoint, and its parameters before."""
    text = BertTextEncoder(TOKENIZER, 4, random_weights=True)
    task = ContrastivePretraining(encoder(), text, embed_dim=64)
    before = {name: value.clone() for name, value in task.named_parameters()}
    data = ContrastiveDataModule(cohort.store, cohort.sentences, cohort.splits, clip=SPEC, batch_size=5)
    run = trainer(tmp_path_factory.mktemp("pretrained"))
    run.fit(task, datamodule=data)
    path = Path(run.default_root_dir) / "task.ckpt"
    run.save_checkpoint(path)
    return task, path, before


def test_frozen_parameters_stay_bit_for_bit_and_all_others_move(pretrained) -> None:
    task, _, before = pretrained
    moved = {name for name, value in task.named_parameters() if not torch.equal(value, before[name])}
    fixed = set(before) - moved
    trainable = {name for name, value in task.named_parameters() if value.requires_grad}
    assert moved <= trainable
    # tensors that no gradient reaches by construction: a key's bias shifts all scores of a query alike
    assert {name for name in trainable - moved if not name.endswith(("key.bias", "attn.k.bias"))} == set()
    assert {name for name in fixed if "bert.encoder.layer.0." in name}


def test_a_checkpoint_holds_plain_values_and_describes_its_model(pretrained) -> None:
    task, path, _ = pretrained
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["cmr_clip"]["preprocessing"]["field_of_view_mm"] == 120
    tower, _ = load_pretrained(path)
    assert ClipSpec(**checkpoint["cmr_clip"]["preprocessing"]) == tower.preprocessing == SPEC
    clips = torch.randn(2, 1, 4, 32, 32)
    torch.testing.assert_close(tower(clips), task.model.eval()(clips))


def test_a_checkpoint_names_nobody_and_no_place(pretrained, cohort: Cohort) -> None:
    content = pretrained[1].read_bytes()
    for word in (*cohort.patients[:3], *cohort.studies[:3], str(cohort.root)):
        assert word.encode() not in content


def test_embedding_a_store_equals_embedding_its_clips(pretrained, cohort: Cohort, tmp_path: Path) -> None:
    _, path, _ = pretrained
    table = embed_store(path, cohort.store, batch_studies=3, device="cpu")
    assert len(table) == sum(2 if n % 2 == 0 else 3 for n in range(16)) + 16
    vectors = table.filter(regex=r"^e\d+$").to_numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    again = embed_store(path, cohort.store, batch_studies=1, device="cpu")
    pd.testing.assert_frame_equal(table, again, atol=1e-5)
    write_embeddings(table, tmp_path / "out" / "e.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "e.parquet"), table)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["e.parquet"]


def test_a_text_learning_rate_of_its_own() -> None:
    task = ContrastivePretraining(
        encoder(), BertTextEncoder(TOKENIZER, 5, random_weights=True), text_lr_factor=0.2, optimizer=_adamw
    )
    groups = task.configure_optimizers().param_groups
    assert [group["lr"] for group in groups] == [1e-2, pytest.approx(2e-3)]
    ids = [{id(p) for p in group["params"]} for group in groups]
    assert ids[1] == {id(p) for p in task.model.text_encoder.parameters() if p.requires_grad}
    assert ids[0] | ids[1] == {id(p) for p in task.parameters() if p.requires_grad}
    assert not ids[0] & ids[1]


def _adamw(parameters):
    return torch.optim.AdamW(parameters, lr=1e-2)


def _sgd(parameters):
    return torch.optim.SGD(parameters, lr=1e-6)  # smooth: rounding must not grow into another course of training


@pytest.mark.parametrize(
    ("freeze", "fixed"), [("encoder", ("model.video_encoder.",)), ("tower", ("model.",)), ("nothing", ("-",))]
)
def test_what_each_freezing_trains(freeze: Freeze, fixed: tuple[str, ...], cohort: Cohort, tmp_path: Path) -> None:
    task = StudyFinetuning(encoder(), [RegressionHead("lvef_percent"), BinaryHead("dilated")], freeze=freeze)
    before = {name: value.clone() for name, value in task.named_parameters()}
    data = StudyBagDataModule(cohort.store, cohort.labels, cohort.splits, clip=SPEC, batch_size=5)
    trainer(tmp_path, max_epochs=3).fit(task, datamodule=data)
    same = {name for name, value in task.named_parameters() if torch.equal(value, before[name])}
    moved = set(before) - same
    assert not [name for name in moved if name.startswith(fixed)]
    # the bias under a softmax over clips changes nothing, and a key's bias neither
    allowed = ("attention_c.bias", "attn.k.bias")
    assert not [name for name in same if not name.startswith(fixed) and not name.endswith(allowed)]


def test_cached_features_equal_running_the_encoder(cohort: Cohort, tmp_path: Path) -> None:
    results = []
    for cache in (True, False):
        pl.seed_everything(3)
        head = RegressionHead("lvef_percent")
        task = StudyFinetuning(encoder(), [head], cache_features=cache, dropout=0.0, optimizer=_sgd)
        data = StudyBagDataModule(cohort.store, cohort.labels, cohort.splits, clip=SPEC, batch_size=5)
        run = trainer(tmp_path / str(cache), max_epochs=2)
        run.fit(task, datamodule=data)
        results.append(run.validate(task, datamodule=data, verbose=False)[0])
    assert results[0] == pytest.approx(results[1], rel=1e-4)


def test_pretrained_weights_come_with_a_receipt(pretrained) -> None:
    tower = VideoTower(encoder(), 64)
    report = load_tower_weights(tower, pretrained[1])
    assert len(report.loaded) == len(tower.state_dict())
    assert not report.missing
    clips = torch.randn(1, 1, 4, 32, 32)
    torch.testing.assert_close(tower.eval()(clips), pretrained[0].model.eval()(clips))
    with pytest.raises(CheckpointMismatchError, match=r"video_proj.weight: wanted \(32, 256\), found \(64, 256\)"):
        load_tower_weights(VideoTower(encoder(), 32), pretrained[1])


def test_kinetics_weights_load_and_others_are_refused(tmp_path: Path) -> None:
    source, target = mvit_tiny(4, 32), mvit_tiny(4, 32)
    state = {**source.state_dict(), "head.proj.weight": torch.zeros(400, 256)}
    state["blocks.0.attn._attention_pool_k.pool.weight"] = state["blocks.0.attn.pool_k.weight"]
    torch.save({"model_state": state}, tmp_path / "kinetics.pyth")
    report = load_encoder_weights(target, tmp_path / "kinetics.pyth")
    assert (report.unexpected, len(report.ignored)) == ((), 2)
    assert "video_encoder.head.proj.weight" in report.ignored
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())
    with pytest.raises(CheckpointMismatchError, match="pos_embed"):
        load_encoder_weights(mvit_tiny(8, 32), tmp_path / "kinetics.pyth")


def test_an_unreadable_study_is_an_error_and_never_replaced(cohort: Cohort, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(cohort.store, store)
    (store / cohort.patients[14] / f"{cohort.studies[14]}.h5").write_bytes(b"broken")
    task = StudyFinetuning(encoder(), [RegressionHead("lvef_percent")])
    data = StudyBagDataModule(store, cohort.labels, cohort.splits, clip=SPEC)
    with pytest.raises(Exception, match=cohort.studies[14]):
        trainer(tmp_path).test(task, datamodule=data, verbose=False)


def test_a_binary_head_needs_both_classes() -> None:
    head = BinaryHead("x")
    assert head.fit_labels(torch.tensor([0.0, 0, 0, 1])) == 0
    assert float(head.pos_weight) == 3
    with pytest.raises(CmrClipError, match="'x': 2 ones and 0 zeros"):
        head.fit_labels(torch.ones(2))


def test_missing_labels_are_masked() -> None:
    head = RegressionHead("x", scale=10)
    task = StudyFinetuning(encoder(), [head], embed_dim=8)
    batch = {
        "features": torch.randn(5, 256),
        "counts": torch.tensor([2, 3]),
        "labels": {"x": torch.tensor([4.0, float("nan")])},
        "study": ["a", "b"],
    }
    task.eval()
    logits = task(batch).logits
    torch.testing.assert_close(task.training_step(batch, 0), F.huber_loss(10 * logits[0, 0], torch.tensor(4.0)))
    batch["labels"]["x"][0] = float("nan")
    assert float(task.training_step(batch, 0).detach()) == 0


def test_targets_may_have_dots_and_predictions_hold_no_pixels(cohort: Cohort, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(cohort.labels.read_text().replace("dilated", "Left.Ventricular.Dilation"))
    task = StudyFinetuning(encoder(), [BinaryHead("Left.Ventricular.Dilation"), RegressionHead("lvef_percent")])
    data = StudyBagDataModule(cohort.store, labels, cohort.splits, clip=SPEC)
    run = trainer(tmp_path, max_epochs=1)
    run.fit(task, datamodule=data)
    (metrics,) = run.test(task, datamodule=data, verbose=False)
    assert {"test/Left.Ventricular.Dilation/auroc", "test/lvef_percent/mae"} <= set(metrics)
    (batch,) = [data.prepare(raw) for raw in data.test_dataloader()]
    largest = max(value.numel() for part in ("truth", "scores") for value in task.predict_step(batch, 0)[part].values())
    assert largest == len(batch["study"])


def test_a_target_without_labels_is_named_before_testing(cohort: Cohort, tmp_path: Path) -> None:
    task = StudyFinetuning(encoder(), [RegressionHead("lvedv_ml")])
    data = StudyBagDataModule(cohort.store, cohort.labels, cohort.splits, clip=SPEC)
    with pytest.raises(CmrClipError, match="no column 'lvedv_ml'"):
        trainer(tmp_path).test(task, datamodule=data, verbose=False)

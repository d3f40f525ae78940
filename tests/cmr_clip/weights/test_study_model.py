"""Fine-tuned models as a whole: heads of the authors and ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from cmr_clip import load_study_model
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.head_registry import heads_from_description
from cmr_clip.models.heads import BinaryHead, RegressionHead
from tests.support.study_models import save_ours, slow_head, trained
from tests.support.weights import SMALL, authors_state, contrastive_model, save, save_contrastive


def bag(count: int = 3, channels: int = 3) -> torch.Tensor:
    return torch.randn(count, channels, *SMALL, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("layernorm", [True, False])
def test_an_authors_head(layernorm: bool, tmp_path: Path) -> None:
    state = authors_state(head=layernorm) | {"classif_loss.pos_weight": torch.tensor(3.0)}
    model, receipt = load_study_model(save(tmp_path / "tuned.ckpt", state))
    tensors = 391 if layernorm else 389
    assert (receipt.origin, len(receipt.loaded), receipt.missing) == ("authors_finetuned", tensors, ())
    assert (receipt.unexpected, receipt.ignored) == ((), ("classif_loss.pos_weight",))
    assert model.targets == ("target",)
    assert model.preprocessing == ClipSpec.compat(n_frames=4, size=32)
    result = model(bag())
    embeddings = F.normalize(
        F.linear(model.features(bag()), state["model.video_proj.weight"], state["model.video_proj.bias"])
    )
    logit, attention = slow_head(model.classifier_head, embeddings)
    torch.testing.assert_close(result.logit, logit[0])
    torch.testing.assert_close(result.attention, attention[0])
    torch.testing.assert_close(result.score, torch.sigmoid(logit[0]) if layernorm else 100 * logit[0])
    assert (result.score.shape, result.attention.shape) == ((), (3,))


@pytest.mark.parametrize(
    ("layernorm", "task", "kind"), [(True, "regression", RegressionHead), (False, "classification", BinaryHead)]
)
def test_the_named_task_of_the_authors_counts_more_than_their_habit(
    layernorm: bool, task: str, kind: type, tmp_path: Path
) -> None:
    hyper = {"task": task, "target": "LVEF", "layernorm": layernorm}
    path = save(tmp_path / "tuned.ckpt", authors_state(head=layernorm), hyper_parameters=hyper)
    model, _ = load_study_model(path)
    assert model.targets == ("LVEF",)
    assert isinstance(model.heads[0], kind)


def test_our_checkpoint_with_several_targets(tmp_path: Path) -> None:
    heads = [RegressionHead("lvef_percent", scale=50.0), BinaryHead("Left.Dilation")]
    heads[0].train_mean.fill_(57.0)
    model = trained(heads)
    path = save_ours(tmp_path / "ours.ckpt", model, heads=[head.description() for head in heads])
    again, receipt = load_study_model(path)
    assert (again.targets, again.target) == (("lvef_percent", "Left.Dilation"), None)
    assert {"heads.0.train_mean", "heads.1.pos_weight"} <= set(receipt.loaded)
    assert float(again.heads[0].train_mean) == 57
    results, wanted = again.results(bag(4, 1)), model.results(bag(4, 1))
    for target in again.targets:
        torch.testing.assert_close(results[target].score, wanted[target].score)
        torch.testing.assert_close(results[target].attention.sum(), torch.tensor(1.0))
    torch.testing.assert_close(results["lvef_percent"].score, 50 * results["lvef_percent"].logit)
    with pytest.raises(CmrClipError, match=r"2 targets: lvef_percent, Left\.Dilation .*target="):
        again(bag(4, 1))
    chosen, _ = load_study_model(path, target="Left.Dilation")
    torch.testing.assert_close(chosen(bag(4, 1)).logit, wanted["Left.Dilation"].logit)
    with pytest.raises(CmrClipError, match="no target 'lvedv_ml'"):
        load_study_model(path, target="lvedv_ml")


def test_order_of_clips_does_not_matter_and_none_is_an_error() -> None:
    model, clips = trained([BinaryHead("a")]), bag(5, 1)
    order = torch.tensor([3, 0, 4, 1, 2])
    one, other = model(clips), model(clips[order])
    torch.testing.assert_close(one.score, other.score)
    torch.testing.assert_close(one.attention[order], other.attention)
    with pytest.raises(CmrClipError, match="without clips"):
        model(clips[:0])


def test_checkpoints_that_are_not_a_described_whole_are_refused(tmp_path: Path) -> None:
    model = trained([BinaryHead("a")])
    with pytest.raises(CmrClipError, match="does not describe its heads: it was written by an older version"):
        load_study_model(save_ours(tmp_path / "old.ckpt", model))
    with pytest.raises(CheckpointMismatchError, match="describes 2 heads, its trunk has 1 outputs"):
        described = [BinaryHead(name).description() for name in "ab"]
        load_study_model(save_ours(tmp_path / "two.ckpt", model, heads=described))
    with pytest.raises(CmrClipError, match=r"a head that this version does not know: .*OrdinalHead"):
        load_study_model(save_ours(tmp_path / "new.ckpt", model, heads=[{"kind": "OrdinalHead", "target": "a"}]))
    pair = save_contrastive(tmp_path / "pair.ckpt", contrastive_model())
    with pytest.raises(CheckpointMismatchError, match="holds no fine-tuned model"):
        load_study_model(pair)
    lost = "classifier_head.classifier_head.fc.0.bias"
    part = {name: value for name, value in authors_state(head=True).items() if name != lost}
    with pytest.raises(CheckpointMismatchError, match=r"1 of .* tensors are missing.*fc\.0\.bias"):
        load_study_model(save(tmp_path / "part.ckpt", part))


def test_heads_know_how_to_build_themselves_again() -> None:
    for head in (RegressionHead("a", scale=20, huber_delta=3), BinaryHead("b", weighted=False)):
        (again,) = heads_from_description([head.description()], "here")
        assert type(again) is type(head)
        own, others = ({n: v for n, v in vars(one).items() if n[0] != "_"} for one in (again, head))
        assert own == others

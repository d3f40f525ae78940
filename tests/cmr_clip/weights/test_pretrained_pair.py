"""Both towers from a checkpoint alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.weights.pair import load_contrastive
from tests.support.cohort import TOKENIZER
from tests.support.weights import contrastive_model, our_description, save, save_contrastive


def reports() -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(1, 50, (3, 7), generator=torch.Generator().manual_seed(1))
    return tokens, torch.arange(7) < torch.tensor([[7], [4], [2]])


def test_both_towers_come_back_from_the_checkpoint_alone(tmp_path: Path) -> None:
    model = contrastive_model()
    before = torch.get_rng_state()
    again, spec, tokenizer = load_contrastive(save_contrastive(tmp_path / "a.ckpt", model))
    assert torch.equal(torch.get_rng_state(), before)
    assert not again.training
    assert (spec.n_frames, spec.size, spec.field_of_view_mm, tokenizer) == (4, 32, 120, "./absent-bert")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in again.state_dict().items())
    clips = torch.randn(3, 1, 4, 32, 32)
    for one, other in zip(again.pair(clips, *reports()), model.pair(clips, *reports()), strict=True):
        torch.testing.assert_close(one, other)


def test_a_description_is_plain_names_no_place_and_rebuilds_the_encoder() -> None:
    encoder = BertTextEncoder(TOKENIZER, frozen_layers=3, pooling="mean", random_weights=True)
    description = encoder.description()
    assert json.loads(json.dumps(description)) == description
    assert not [value for value in description["bert_config"].values() if isinstance(value, str) and "/" in value]
    again = BertTextEncoder.from_description(description)
    assert (again.source, again.frozen_layers, again.pooling) == (TOKENIZER, 3, "mean")
    wanted = {name: value.shape for name, value in encoder.state_dict().items()}
    assert {name: value.shape for name, value in again.state_dict().items()} == wanted
    assert {n for n, p in again.named_parameters() if p.requires_grad} == {
        n for n, p in encoder.named_parameters() if p.requires_grad
    }
    again.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(again.eval()(*reports()), encoder.eval()(*reports()))


def test_a_description_cannot_make_transformers_fetch_code() -> None:
    description = contrastive_model().text_encoder.description()
    more = {"attn_implementation": "somebody/kernel", "_attn_implementation": "somebody/kernel", "auto_map": {"a": "b"}}
    encoder = BertTextEncoder.from_description({**description, "bert_config": {**description["bert_config"], **more}})
    assert "somebody" not in json.dumps(encoder.bert.config.to_dict(), default=str)
    assert encoder.bert.config._attn_implementation == "sdpa"


def test_old_partial_and_video_only_checkpoints_are_refused_with_the_remedy(tmp_path: Path) -> None:
    model = contrastive_model()
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    described = our_description(model, "ContrastivePretraining")
    with pytest.raises(CmrClipError, match="does not describe it: it was written by an older version"):
        load_contrastive(save(tmp_path / "old.ckpt", state, cmr_clip=described))
    video = {name: value for name, value in state.items() if "text" not in name}
    with pytest.raises(CmrClipError, match="holds no text tower"):
        load_contrastive(save(tmp_path / "video.ckpt", video, cmr_clip=described))
    described["text_encoder"] = model.text_encoder.description()
    del state["model.text_encoder.bert.encoder.layer.1.output.dense.weight"]
    with pytest.raises(CheckpointMismatchError, match=r"1 of .* tensors are missing"):
        load_contrastive(save(tmp_path / "part.ckpt", state, cmr_clip=described))
    with pytest.raises(CmrClipError, match="has no pooling"):
        BertTextEncoder.from_description({"source": "x", "frozen_layers": 1})

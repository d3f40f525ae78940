"""The report encoder: freezing, pooling, loading from a folder, clear errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.errors import CmrClipError
from tests.support.cohort import TOKENIZER


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT as a local folder, in the format of any published one."""
    path = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(path)
    return path


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(1, 50, (3, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(7) < torch.tensor([[7], [4], [2]])
    return tokens, mask


def test_weights_come_from_the_folder_without_a_pooler(folder: Path) -> None:
    encoder = BertTextEncoder(str(folder), frozen_layers=2)
    wanted = BertModel.from_pretrained(folder).state_dict()
    state = encoder.bert.state_dict()
    assert not [name for name in state if "pooler" in name]
    assert all(torch.equal(value, wanted[name]) for name, value in state.items())
    assert encoder.out_features == 16


def test_embeddings_and_first_layers_are_frozen_and_stay_in_evaluation_mode(folder: Path) -> None:
    encoder = BertTextEncoder(str(folder), frozen_layers=2).train()
    frozen = {name for name, p in encoder.named_parameters() if not p.requires_grad}
    assert frozen == {
        name
        for name, _ in encoder.named_parameters()
        if name.startswith(("bert.embeddings", "bert.encoder.layer.0.", "bert.encoder.layer.1."))
    }
    layers = encoder.bert.encoder.layer
    assert [encoder.bert.embeddings.training, *(layer.training for layer in layers)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    encoder(*batch()).sum().backward()
    assert {name for name, p in encoder.named_parameters() if p.grad is None} == frozen


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_padding_does_not_change_a_report(folder: Path, pooling) -> None:
    encoder = BertTextEncoder(str(folder), 0, pooling).eval()
    tokens, mask = batch()
    together = encoder(tokens, mask)
    alone = encoder(tokens[1:2, :4], mask[1:2, :4])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_the_packaged_bert_loads() -> None:
    encoder = BertTextEncoder(TOKENIZER, frozen_layers=6, random_weights=True)
    assert (encoder.out_features, encoder.bert.config.vocab_size) == (384, 30_522)
    assert not [p for p in encoder.parameters() if p.requires_grad]


def test_more_frozen_layers_than_there_are(folder: Path) -> None:
    with pytest.raises(CmrClipError, match=r"frozen_layers is 5.* has 4 layers"):
        BertTextEncoder(str(folder), frozen_layers=5)


def test_a_folder_without_a_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CmrClipError, match=r"no BERT could be loaded from .*config\.json, model\.safetensors"):
        BertTextEncoder(str(tmp_path))

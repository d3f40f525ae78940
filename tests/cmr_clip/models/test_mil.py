"""Gated attention over bags: oracle, invariants, and the original network's numbers."""

from __future__ import annotations

import torch

from cmr_clip.models.mil import GatedAttentionMIL
from tests.support.reference import shared
from tests.support.study_models import slow_head


def padded(bags: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    size = max(map(len, bags))
    data = torch.full((len(bags), size, bags[0].shape[1]), 7.0)  # padding that would show
    mask = torch.zeros(len(bags), size, dtype=torch.bool)
    for row, bag in enumerate(bags):
        data[row, : len(bag)], mask[row, : len(bag)] = bag, True
    return data, mask


def make(widths: tuple[int, ...] = (1, 1, 1), layernorm: bool = True) -> GatedAttentionMIL:
    torch.manual_seed(1)
    return GatedAttentionMIL(16, 12, 8, widths, layernorm=layernorm).eval()


def test_padded_batches_equal_the_slow_oracle() -> None:
    for widths, layernorm in (((1, 1, 1), True), ((1, 1, 1), False), ((1, 5, 2), True)):
        head = make(widths, layernorm=layernorm)
        bags = [torch.randn(n, 16) for n in (1, 5, 3)]
        output = head(*padded(bags))
        for row, bag in enumerate(bags):
            logits, attention = slow_head(head, bag)
            torch.testing.assert_close(output.logits[row], logits)
            torch.testing.assert_close(output.attention[row, :, : len(bag)], attention)
            assert not output.attention[row, :, len(bag) :].any()


def test_order_of_clips_does_not_matter() -> None:
    head, bag = make(), torch.randn(6, 16)
    order = torch.randperm(6)
    mask = torch.ones(1, 6, dtype=torch.bool)
    one, other = head(bag[None], mask), head(bag[order][None], mask)
    torch.testing.assert_close(one.logits, other.logits)
    torch.testing.assert_close(one.attention[..., order], other.attention)


def test_names_and_shapes_are_those_of_the_authors_head() -> None:
    lines = shared("reference/golden/checkpoint_keys.txt").read_text().splitlines()
    wanted = dict(line.removeprefix("classifier_head.").split("\t") for line in lines if line.startswith("class"))
    state = GatedAttentionMIL(layernorm=True).state_dict()
    assert {name: str(tuple(value.shape)) for name, value in state.items()} == wanted


def test_every_parameter_gets_a_gradient() -> None:
    head = make((1, 4)).train()
    head(*padded([torch.randn(4, 16), torch.randn(2, 16)])).logits.sum().backward()
    silent = [name for name, p in head.named_parameters() if p.grad is None]
    assert silent == []

"""Attention in blocks and the copy of an encoder for inference, against plain arithmetic and the encoder itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cmr_clip.encoders.mvit.inference import for_inference
from cmr_clip.encoders.mvit.kernels.attention import attend
from cmr_clip.encoders.mvit.kernels.packed import PackedLinear, can_pack
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.presets import mvit_tiny

needs_packing = pytest.mark.skipif(not can_pack(torch.bfloat16), reason="this processor has no packed bf16 layers")


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """‖found − wanted‖ / ‖wanted‖ in float64."""
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize(("queries", "keys"), [(1, 5), (256, 2000), (700, 1500)])
def test_attention_is_softmax_of_scaled_products_times_values(queries, keys, dtype, tolerance) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, count, 3, 16, dtype=torch.float64) for count in (queries, keys, keys))
    scores = torch.einsum("blhc,bmhc->bhlm", q, k) * 0.25
    wanted = torch.einsum("bhlm,bmhc->blhc", scores.softmax(-1), v)
    assert relative(attend(q.to(dtype), k.to(dtype), v.to(dtype), 0.25), wanted) < tolerance


def test_attention_in_blocks_is_not_used_where_a_gradient_is_wanted() -> None:
    q, k, v = (torch.randn(1, 9, 2, 8, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
    attend(q, k, v, 0.3).float().square().sum().backward()
    assert all(part.grad is not None and part.grad.abs().sum() > 0 for part in (q, k, v))


def untrained() -> tuple[MViT, torch.Tensor]:
    """An encoder whose every parameter matters, and three clips."""
    torch.manual_seed(2)
    encoder = mvit_tiny(4, 48)
    for name, parameter in encoder.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
    return encoder, torch.randn(3, 1, 4, 48, 48)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_the_copy_computes_the_encoders_features_in_fp32(dtype, tolerance) -> None:
    encoder, clips = untrained()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    fast = for_inference(encoder, dtype)
    with torch.no_grad():
        features, wanted = fast(clips), encoder(clips)
    assert features.dtype == torch.float32
    assert relative(features, wanted) < tolerance
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


@needs_packing
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_packed_layer_is_the_plain_layer(dtype) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 7, 24), torch.randn(40, 24), torch.randn(40)
    x, weight, bias = (part.to(dtype) for part in (x, weight, bias))
    wanted = nn.functional.linear(x.double(), weight.double(), bias.double())
    tolerance = 1e-6 if dtype == torch.float32 else 5e-3
    assert relative(PackedLinear(weight, bias)(x), wanted) < tolerance
    assert relative(PackedLinear(weight, bias, gelu=True)(x), nn.functional.gelu(wanted)) < tolerance
    assert relative(PackedLinear(weight, bias)(x[:, :1]), wanted[:, :1]) < tolerance


@needs_packing
def test_on_a_processor_that_packs_every_linear_layer_of_the_blocks_is_packed() -> None:
    fast = for_inference(untrained()[0])
    assert not [name for name, module in fast.named_modules() if isinstance(module, nn.Linear)]

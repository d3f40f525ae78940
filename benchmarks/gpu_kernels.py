"""The depth-wise pooling of mViT-B 16x4, shape by shape: each kernel's forward and backward pass, plain and compiled.

Run with `python -m benchmarks.gpu_kernels --device cuda --compile`; it says which value `MViT.set_pooling` should have
on a device. Times are milliseconds per clip at the given batch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.timing import interleaved, machine
from cmr_clip.encoders.mvit.kernels.pooling import Grid, PoolingKernel, depthwise_pool

__all__ = ["main"]

_SHAPES: dict[str, tuple[int, Grid, Grid]] = {
    # channels, grid as the pooling sees it (compacted for strides 8 and 4), stride
    "block 0, keys and values": (192, (8, 20, 20), (1, 3, 3)),
    "block 1, keys and values": (384, (8, 41, 41), (1, 3, 3)),
    "block 1, queries": (192, (8, 56, 56), (1, 2, 2)),
    "block 2, keys and values": (384, (8, 20, 20), (1, 3, 3)),
    "block 3, keys and values": (768, (8, 28, 28), (1, 2, 2)),
    "blocks 4-13, keys and values": (768, (8, 14, 14), (1, 2, 2)),
    "block 14, keys and values": (1536, (8, 14, 14), (1, 1, 1)),
}
_KERNELS: tuple[PoolingKernel, ...] = ("conv", "frames", "taps")

_Pool = Callable[[Tensor, Tensor, Grid, PoolingKernel], Tensor]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parse(argv)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    pools: dict[str, _Pool] = {"plain": depthwise_pool}
    if options.compile:
        pools["compiled"] = torch.compile(depthwise_pool, fullgraph=True)
    report: dict[str, object] = {"machine": machine(device), "dtype": options.dtype, "batch": options.batch}
    for shape, (channels, grid, stride) in list(_SHAPES.items())[-1 if options.smoke else 0 :]:
        video = torch.randn(options.batch, *grid, channels, device=device, dtype=dtype, requires_grad=True)
        weight = torch.randn(channels, 1, 3, 3, 3, device=device, dtype=dtype, requires_grad=True)
        candidates = {
            f"{kernel}, {how}, {what}": partial(run, pool, video, weight, stride, kernel)
            for kernel in _KERNELS
            for how, pool in pools.items()
            for what, run in (("forward", _forward), ("forward and backward", _both))
        }
        timings = interleaved(candidates, options.repeats, device, warm_up=2)
        row = {name: 1e3 * timing.median_s / options.batch for name, timing in timings.items()}
        report[shape] = row
        print(shape, json.dumps({name: round(value, 4) for name, value in row.items()}, indent=1), flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _forward(pool: _Pool, video: Tensor, weight: Tensor, stride: Grid, kernel: PoolingKernel) -> Tensor:
    with torch.no_grad():
        return pool(video, weight, stride, kernel)


def _both(pool: _Pool, video: Tensor, weight: Tensor, stride: Grid, kernel: PoolingKernel) -> None:
    out = pool(video, weight, stride, kernel)
    torch.autograd.grad(out, (video, weight), torch.ones_like(out))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_kernels", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="measure with torch.compile as well")
    parser.add_argument("--smoke", action="store_true", help="one shape only, to try the benchmark itself")
    parser.add_argument("--out", type=Path, default=None, help="write the numbers as JSON")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""Forward pass of mViT-B 16x4 for one clip: this encoder in several types against pytorchvideo's fp32 layers.

Run with `python -m benchmarks.encoder_forward`; `--help` lists the options. The baseline is `baseline_encoder.py`: the
layers of pytorchvideo as they are, fp32, three channels, the same weights. All candidates take turns in one process,
and the ratio is the median of those within a round.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.baseline_encoder import BaselineEncoder
from benchmarks.timing import Timing, interleaved, machine
from cmr_clip.encoders.mvit.inference import for_inference
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.presets import mvit_b_16x4, mvit_tiny

__all__ = ["main"]

BASELINE = "pytorchvideo layers, fp32"
RESULT = "bf16, packed (for_inference)"

Candidate = Callable[[], Tensor]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 where `--require` is not reached."""
    options = _parse(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device(options.device)
    encoder = (mvit_tiny() if options.smoke else mvit_b_16x4()).eval().to(device)
    clips = _moving_blobs(options.batch, encoder.clip_shape).to(device)
    with torch.no_grad():
        candidates = _candidates(encoder, clips, options.compile)
        if options.brief:
            candidates = {name: candidates[name] for name in (BASELINE, RESULT)}
        features = {name: run() for name, run in candidates.items()}
        timings = interleaved(candidates, options.repeats, device)
    report = _report(timings, features, device, options.batch)
    _print(report)
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=1) + "\n")
    reached = report["candidates"][RESULT]["times_as_fast"]
    if reached < options.require:
        print(f"not reached: {reached:.2f} times as fast, {options.require} wanted", file=sys.stderr)
        return 1
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder_forward", description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1, help="clips in a forward pass (default 1)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of which the median is taken (default 7)")
    parser.add_argument("--threads", type=int, default=0, help="of the processor; torch's choice by default")
    parser.add_argument("--compile", action="store_true", help="also measure torch.compile (minutes)")
    parser.add_argument("--brief", action="store_true", help="the baseline and the fastest candidate alone")
    parser.add_argument("--smoke", action="store_true", help="a tiny encoder, to try the benchmark itself")
    parser.add_argument("--require", type=float, default=0.0, help="exit with 1 below this ratio")
    parser.add_argument("--out", type=Path, default=None, help="write the numbers as JSON")
    return parser.parse_args(argv)


def _moving_blobs(batch: int, shape: tuple[int, int, int]) -> Tensor:
    """Smooth grey clips with a beat and some noise, normalised as the encoder expects them: `[B, 1, T, H, W]`."""
    frames, rows, columns = (torch.linspace(-1, 1, size) for size in shape)
    radius = 0.4 + 0.1 * torch.sin(3.1 * frames)[:, None, None] + torch.linspace(0, 0.2, batch)[:, None, None, None]
    distance = torch.hypot(rows[:, None], columns[None, :])
    grey = torch.sigmoid(20 * (radius - distance)) + 0.05 * torch.randn(batch, *shape)
    return ((grey.clamp(0, 1) - 0.45) / 0.225).unsqueeze(1)


def _candidates(encoder: MViT, clips: Tensor, with_compile: bool) -> dict[str, Candidate]:
    colour = clips.expand(-1, 3, -1, -1, -1).contiguous()
    baseline = BaselineEncoder(encoder).eval().to(clips.device)
    half = BaselineEncoder(encoder).eval().to(clips.device, torch.bfloat16)
    exact = for_inference(encoder, torch.float32)
    plain, fast = for_inference(encoder, pack=False), for_inference(encoder)

    def autocast() -> Tensor:
        with torch.autocast(clips.device.type, torch.bfloat16):
            return encoder(clips)  # type: ignore[no-any-return]

    candidates: dict[str, Candidate] = {
        BASELINE: lambda: baseline(colour),
        "pytorchvideo layers, bf16": lambda: half(colour.bfloat16()).float(),
        "fp32": lambda: encoder(clips),
        "fp32, packed": lambda: exact(clips),
        "bf16 autocast": autocast,
        "bf16": lambda: plain(clips),
        RESULT: lambda: fast(clips),
    }
    if with_compile:
        compiled = torch.compile(plain, fullgraph=True)
        candidates["bf16, torch.compile"] = lambda: compiled(clips)
    return candidates


def _report(
    timings: dict[str, Timing], features: dict[str, Tensor], device: torch.device, batch: int
) -> dict[str, Any]:
    base, wanted = timings[BASELINE], features[BASELINE].double()
    rows = {}
    for name, timing in timings.items():
        found = features[name].double()
        rows[name] = {
            **timing._asdict(),
            "times_as_fast": timing.ratio,
            "times_as_fast_best": base.best_s / timing.best_s,
            "times_as_fast_cpu": base.cpu_s / timing.cpu_s,
            "relative_error": float((found - wanted).norm() / wanted.norm()),
            "cosine": float(F.cosine_similarity(found, wanted).min()),
        }
    return {"machine": machine(device), "batch": batch, "candidates": rows}


def _print(report: dict[str, Any]) -> None:
    print(", ".join(f"{name} {value}" for name, value in report["machine"].items()), f"batch {report['batch']}")
    print(f"{'':32}{'median s':>9}{'best s':>8}{'CPU s':>8}{'ratio':>7}{'best':>6}{'CPU':>6}  rel. error   cosine")
    for name, row in report["candidates"].items():
        print(
            f"{name:32}{row['median_s']:9.3f}{row['best_s']:8.3f}{row['cpu_s']:8.3f}{row['times_as_fast']:7.2f}"
            f"{row['times_as_fast_best']:6.2f}{row['times_as_fast_cpu']:6.2f}  {row['relative_error']:10.1e}  "
            f"{row['cosine']:.6f}"
        )
    ratio = report["candidates"][RESULT]["times_as_fast"]
    print(f"{RESULT}: {ratio:.2f} times as fast as {BASELINE}")


if __name__ == "__main__":
    sys.exit(main())

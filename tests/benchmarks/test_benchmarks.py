"""The encoder's benchmarks run, and what they count is right."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import encoder_forward, gpu_training
from benchmarks.flops import encoder_flops, peak_flops
from cmr_clip.encoders.mvit.presets import mvit_b_16x4


def test_counted_operations_of_the_encoder() -> None:
    with torch.device("meta"):
        encoder = mvit_b_16x4()
    forward, step = (encoder_flops(encoder, backward=flag, channels=3) for flag in (False, True))
    # 70.5 G multiply-adds according to the mViT paper's table; the unread keys, values and last tokens are saved
    assert 0.90 * 2 * 70.5e9 < forward < 0.97 * 2 * 70.5e9
    assert 2.95 * forward < step < 3.0 * forward


def test_data_sheet_rates_are_found_by_name() -> None:
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("some processor") is None


@pytest.mark.slow
def test_the_encoder_benchmark_runs_and_its_candidates_agree(tmp_path) -> None:
    out = tmp_path / "forward.json"
    assert encoder_forward.main(["--smoke", "--repeats", "1", "--out", str(out)]) == 0
    candidates = json.loads(out.read_text())["candidates"]
    assert len(candidates) == 7
    assert all(row["cosine"] > 0.999 and row["median_s"] > 0 for row in candidates.values())
    assert encoder_forward.main(["--smoke", "--repeats", "1", "--require", "1e6"]) == 1


@pytest.mark.slow
def test_the_training_benchmark_runs_on_the_cpu(tmp_path) -> None:
    out = tmp_path / "training.json"
    sizes = ["--batch-sizes", "4", "--steps", "3", "--warm-up", "1", "--repeats", "1", "--workers", "0"]
    assert gpu_training.main(["--smoke", "--device", "cpu", *sizes, "--peak-tflops", "1", "--out", str(out)]) == 0
    report = json.loads(out.read_text())
    (run,) = report["training"]
    assert run["clips_per_s"] > 0
    assert 0 <= run["data_wait_share"] < 1
    assert run["mfu"] == pytest.approx(run["tflops"])
    assert sum(run["parts_ms"].values()) > 0
    assert {row["device"] > 0 for row in report["inference_ms_per_study"].values()} == {True}

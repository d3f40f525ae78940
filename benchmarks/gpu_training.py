"""Contrastive pretraining end to end from HDF5 with the paper's augmentation: clips/s, MFU, memory, ms per study.

Run with `python -m benchmarks.gpu_training --device cuda --out gpu.json`; `--smoke --device cpu` tries the benchmark
itself with small sizes, whose numbers mean nothing. It trains through Lightning with the project's data module, task
and transforms; mViT-B 16x4 against a BERT-base of random weights, six of twelve layers frozen.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from benchmarks.flops import encoder_flops, peak_flops, text_flops
from benchmarks.synthetic_study_store import Files, Sizes, make_files
from benchmarks.timing import machine, synchronise
from benchmarks.training_parts import inference_ms, step_parts_ms
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.contrastive_module import ContrastiveDataModule
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.encoders.mvit.inference import for_inference
from cmr_clip.encoders.mvit.mvit import MViT
from cmr_clip.encoders.mvit.presets import mvit_b_16x4, mvit_tiny
from cmr_clip.tasks.contrastive import ContrastivePretraining
from cmr_clip.transforms.crop_augmix import CropAugMix

__all__ = ["main"]

_BERT = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
_SMALL_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_FULL = Sizes(studies=4096, distinct=32, slices=10, frames=30, matrix=256, words=30522, bert=_BERT)
_SMOKE = Sizes(studies=16, distinct=4, slices=2, frames=10, matrix=72, words=60, bert=_SMALL_BERT)
_TOKENS = 102  # five sentences of 20 tokens between [CLS] and [SEP]


class _Clock(pl.Callback):
    """Wall time of the steps after the first `warm_up`, and how much of it the host waited for data."""

    def __init__(self, warm_up: int, device: torch.device) -> None:
        self.warm_up, self.device = warm_up, device
        self.clips, self.steps, self.waited = 0, 0, 0.0
        self.start = self.end = self._mark = 0.0

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        now = time.perf_counter()
        if self.start:
            self.waited += now - self._mark

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.steps += 1
        if self.start:
            self.clips += len(batch["clips"])
        elif self.steps == self.warm_up:
            synchronise(self.device)
            self.start = time.perf_counter()
        self._mark = time.perf_counter()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        synchronise(self.device)
        self.end = time.perf_counter()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parse(argv)
    device = torch.device(options.device)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        files = make_files(Path(scratch), _SMOKE if options.smoke else _FULL)
        if options.store is not None:
            files = Files(options.store, options.sentences, options.splits, options.text_model or files.text_model)
        report: dict[str, Any] = {"machine": machine(device), "smoke": options.smoke, "training": []}
        report["flops"] = _flops(options, files)
        for batch_size in options.batch_sizes:
            for compiled in (False, True) if options.compile else (False,):
                result = _train(options, files, device, batch_size, compiled, report["flops"])
                report["training"].append(result)
                print(json.dumps(result), flush=True)
        report["inference_ms_per_study"] = _infer(options, files, device)
    print(json.dumps({name: value for name, value in report.items() if name != "training"}, indent=1))
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_training", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--steps", type=int, default=40, help="measured steps (default 40)")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before them (default 10)")
    parser.add_argument("--repeats", type=int, default=10, help="of the part-by-part timings (default 10)")
    parser.add_argument("--workers", type=int, default=8, help="reading processes (default 8)")
    parser.add_argument("--precision", choices=["bf16-mixed", "32-true"], default="bf16-mixed")
    parser.add_argument("--compile", action="store_true", help="measure with torch.compile as well")
    parser.add_argument(
        "--pooling", choices=["auto", "conv", "frames", "taps"], default="auto", help="how tokens are pooled"
    )
    parser.add_argument("--checkpoint-stages", type=int, default=0, help="stages with recomputed activations")
    parser.add_argument("--peak-tflops", type=float, default=None, help="dense bf16; known for H100, H200, A100")
    parser.add_argument("--clips-store", dest="store", type=Path, default=None, help="use this study store ...")
    parser.add_argument("--sentences", type=Path, default=None, help="... with its sentence index ...")
    parser.add_argument("--splits", type=Path, default=None, help="... its splits ...")
    parser.add_argument("--text-model", type=Path, default=None, help="... and the folder of its text model")
    parser.add_argument("--smoke", action="store_true", help="small sizes, to try the benchmark itself")
    parser.add_argument("--out", type=Path, default=None, help="write all numbers as JSON")
    options = parser.parse_args(argv)
    if options.store is not None and None in (options.sentences, options.splits):
        parser.error("--clips-store needs --sentences and --splits")
    return options


def _encoder(options: argparse.Namespace) -> MViT:
    encoder = mvit_tiny(4, 48) if options.smoke else mvit_b_16x4()
    encoder.checkpoint_stages = options.checkpoint_stages
    encoder.set_pooling(options.pooling)
    return encoder


def _task(options: argparse.Namespace, files: Files, compiled: bool = False) -> ContrastivePretraining:
    text = BertTextEncoder(str(files.text_model), frozen_layers=1 if options.smoke else 6, random_weights=True)
    return ContrastivePretraining(_encoder(options), text, compile_encoder=compiled)


def _data(options: argparse.Namespace, files: Files, batch_size: int) -> ContrastiveDataModule:
    return ContrastiveDataModule(
        files.store,
        files.sentences,
        files.splits,
        clip=ClipSpec(n_frames=4, size=48) if options.smoke else ClipSpec(),
        augmentation=CropAugMix(),
        batch_size=batch_size,
        num_workers=options.workers,
        studies_per_eval_batch=1,
    )


def _flops(options: argparse.Namespace, files: Files) -> dict[str, int]:
    encoder, text = _encoder(options), _task(options, files).model.text_encoder
    return {
        "video_forward": encoder_flops(encoder, backward=False),
        "video_step": encoder_flops(encoder, backward=True),
        "text_step": text_flops(text, _TOKENS, backward=True),
    }


def _train(
    options: argparse.Namespace,
    files: Files,
    device: torch.device,
    batch_size: int,
    compiled: bool,
    flops: dict[str, int],
) -> dict[str, Any]:
    """Train through Lightning, then time the parts of a step."""
    task, data = _task(options, files, compiled), _data(options, files, batch_size)
    clock = _Clock(options.warm_up, device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    trainer = pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision=options.precision,
        max_steps=options.warm_up + options.steps,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[clock],
    )
    trainer.fit(task, datamodule=data)
    seconds = clock.end - clock.start
    result = {
        "batch_size": batch_size,
        "compile": compiled,
        "precision": options.precision,
        "clips_per_s": clock.clips / seconds,
        "data_wait_share": clock.waited / seconds,
        **_utilisation(options, device, clock.clips / seconds, flops),
    }
    if device.type == "cuda":
        result["peak_memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
    batch = next(iter(data.train_dataloader()))
    task.to(device).train()
    half = options.precision == "bf16-mixed"
    result["parts_ms"] = step_parts_ms(task, data, batch, device, options.repeats, half)
    del trainer, task, data
    gc.collect()
    return result


def _utilisation(
    options: argparse.Namespace, device: torch.device, clips_per_s: float, flops: dict[str, int]
) -> dict[str, float]:
    rate = clips_per_s * (flops["video_step"] + flops["text_step"])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    peak = 1e12 * options.peak_tflops if options.peak_tflops else peak_flops(name)
    return {"tflops": rate / 1e12, **({} if peak is None else {"mfu": rate / peak})}


def _infer(options: argparse.Namespace, files: Files, device: torch.device) -> dict[str, dict[str, float]]:
    """A whole study to its embedding: 13 clips."""
    task, data = _task(options, files).to(device).eval(), _data(options, files, 2)
    data.num_workers = 0
    encoder = task.model.video_encoder
    encoders = {"fp32": encoder, "bf16": for_inference(encoder)}
    if options.compile:
        encoders["bf16, torch.compile"] = for_inference(encoder, pack=False)
        encoders["bf16, torch.compile"].compile()
    dataset, collate = data.predict_dataloader().dataset, data.predict_dataloader().collate_fn
    return inference_ms(task, data, encoders, lambda: collate([dataset[0]]), device, options.repeats)


if __name__ == "__main__":
    sys.exit(main())

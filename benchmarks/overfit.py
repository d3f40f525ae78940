"""Does the paper's configuration learn at all? A handful of studies must reach the flooding level and stay there.

Runs `cmr-clip fit --config configs/pretrain/shad.yaml` with the full mViT-B 16x4, a BERT of twelve layers and the
objective as it is, on a few studies of one view without augmentation, and then checks the checkpoint: the BERT's
embeddings and first six layers unchanged bit for bit, every other parameter moved. The learning rate is the paper's,
with five steps of warm-up and a decay in place of its step at epoch 300: here an epoch is one step.

    python -m benchmarks.overfit --store runs/demo/store --sentences runs/demo/sentences.json

Without `--bert` the text encoder is MiniLM with its six layers taken twice (PubMedBERT is not on PyPI). About ten
minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from transformers import BertConfig, BertModel

from cmr_clip.cli import main as cmr_clip
from preprocess.labels.splits import write_splits
from preprocess.reports.index import read_sentences
from preprocess.reports.tokenizer import tokenizer_folder
from preprocess.store.manifest import ClipColumn, read_manifest

CONFIG = Path(__file__).parents[1] / "configs" / "pretrain" / "shad.yaml"
FLOOD_LEVEL = 0.05
FROZEN = ("model.text_encoder.bert.embeddings.", *(f"model.text_encoder.bert.encoder.layer.{i}." for i in range(6)))


class KeepStart(pl.Callback):
    """Saves the weights that training starts from, and says each step's loss."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save them."""
        torch.save(pl_module.state_dict(), Path(trainer.default_root_dir) / "start.pt")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """One line per step."""
        loss = float(trainer.callback_metrics["train/loss"])
        with (Path(trainer.default_root_dir) / "losses.csv").open("a") as file:
            file.write(f"{trainer.global_step},{loss:.5f}\n")
        print(f"step {trainer.global_step:4d}  loss {loss:.4f}", flush=True)


def make_bert(folder: Path, source: str) -> Path:
    """A BERT of twelve layers from a real one of six: its layers twice, so that six can be frozen and six can learn."""
    original = tokenizer_folder(source)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (original / name).exists():
            shutil.copy(original / name, folder / name)
    six = BertModel.from_pretrained(original, add_pooling_layer=False, dtype=torch.float32)
    twelve = BertModel(BertConfig(**{**six.config.to_dict(), "num_hidden_layers": 12}), add_pooling_layer=False)
    twelve.embeddings.load_state_dict(six.embeddings.state_dict())
    for index, layer in enumerate(twelve.encoder.layer):
        layer.load_state_dict(six.encoder.layer[index % len(six.encoder.layer)].state_dict())
    twelve.save_pretrained(folder)
    return folder


def choose_studies(store: Path, sentences: Path, count: int, view: str, out: Path) -> Path:
    """A split file with `count` studies of different patients and reports for training, and one for validation."""
    with_report = read_sentences(sentences).studies
    manifest = read_manifest(store)
    chosen = manifest[(manifest[ClipColumn.VIEW] == view) & manifest[ClipColumn.STUDY].isin(list(with_report))]
    chosen = chosen.drop_duplicates(ClipColumn.PATIENT).head(count + 1)
    splits = ["train" if number < count else "val" for number in range(len(chosen))]
    write_splits(out, zip(chosen[ClipColumn.PATIENT], chosen[ClipColumn.STUDY], splits, strict=True), overwrite=True)
    return out


def fit(args: argparse.Namespace, root: Path) -> None:
    """Train."""
    sentences = json.loads(args.sentences.read_text())
    bert = args.bert or str(make_bert(root / "bert", sentences["tokenizer"]))
    splits = choose_studies(args.store, args.sentences, args.studies, args.view, root / "splits.csv")
    options = {
        "trainer.accelerator": args.accelerator,
        "trainer.devices": 1,
        "trainer.strategy": "auto",
        "trainer.precision": args.precision,
        "trainer.max_epochs": args.steps,
        "trainer.check_val_every_n_epoch": args.steps,
        "trainer.num_sanity_val_steps": 0,
        "trainer.log_every_n_steps": 1,
        "trainer.default_root_dir": root,
        "model.init_args.text_encoder.init_args.source": bert,
        "model.init_args.kinetics_weights": args.kinetics or "null",
        "model.init_args.optimizer.init_args.lr": args.lr,
        "model.init_args.lr_scheduler": "cmr_clip.tasks.WarmupCosineLR",
        "model.init_args.lr_scheduler.init_args.warmup_epochs": 5,
        "model.init_args.lr_scheduler.init_args.total_epochs": args.steps + args.steps // 5,
        "data.init_args.store": args.store,
        "data.init_args.sentences": args.sentences,
        "data.init_args.splits": splits,
        "data.init_args.views": f"[{args.view}]",
        "data.init_args.batch_size": args.studies,
        "data.init_args.augmentation": "null",
        "data.init_args.num_workers": 0,
        "data.init_args.cache_mb": 256,
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    callback = "--trainer.callbacks+=benchmarks.overfit.KeepStart"
    if cmr_clip(["fit", "--config", str(CONFIG), *arguments, callback]):
        raise SystemExit("training failed")


def verdict(root: Path, last_steps: int) -> bool:
    """Print what happened to the loss and to the parameters."""
    losses = pd.read_csv(root / "losses.csv", names=["step", "loss"])
    reached = losses[losses["loss"] < 1.5 * FLOOD_LEVEL]
    tail = losses["loss"].tail(last_steps)
    first = int(reached["step"].iloc[0]) if len(reached) else None
    print(f"loss: start {losses['loss'].iloc[0]:.3f}; first below {1.5 * FLOOD_LEVEL:.3f} at step {first};")
    print(f"last {last_steps} steps: mean {tail.mean():.4f}, lowest {tail.min():.4f}, highest {tail.max():.4f}")
    start = torch.load(root / "start.pt", weights_only=True)
    end = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    same = {name for name, value in start.items() if torch.equal(value, end[name])}
    frozen = {name for name in start if name.startswith(FROZEN)}
    fixed = {"objective.log_temperature"}
    print(f"{len(frozen)} frozen tensors, {len(frozen & same)} unchanged bit for bit")
    print(f"{len(start) - len(frozen)} others, unchanged: {sorted(same - frozen) or 'none'} (τ is fixed)")
    return first is not None and frozen <= same and same - frozen <= fixed


def main() -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="study store")
    parser.add_argument("--sentences", type=Path, required=True, help="sentence index of that store")
    parser.add_argument("--out", type=Path, default=Path("runs/overfit"), help="folder to write (replaced)")
    parser.add_argument("--studies", type=int, default=4, help="studies to learn (default: 4)")
    parser.add_argument("--view", default="4CH", help="the view to learn them from (default: 4CH)")
    parser.add_argument("--steps", type=int, default=120, help="optimiser steps (default: 120)")
    parser.add_argument(
        "--lr", type=float, default=4.8e-5, help="learning rate, with warm-up and decay (default: the paper's)"
    )
    parser.add_argument("--bert", default=None, help="local folder of a BERT of 12 layers (default: MiniLM twice)")
    parser.add_argument("--kinetics", default=None, help="Kinetics-400 weights (default: random weights)")
    parser.add_argument("--accelerator", default="auto", help="cpu, gpu or auto")
    parser.add_argument("--precision", default="32-true", help="trainer.precision (default: 32-true)")
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    started = time.monotonic()
    fit(args, args.out)
    good = verdict(args.out, last_steps=max(10, args.steps // 5))
    print(f"{'passed' if good else 'FAILED'} in {time.monotonic() - started:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

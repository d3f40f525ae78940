"""`summary.json`: every number of the demo under a name."""

from __future__ import annotations

import json
import math
import platform
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cmr_clip.demo.plan import TARGET, DemoPlan, DemoStep
from cmr_clip.tables.predictions import Prediction, read_predictions
from preprocess.store.manifest import ClipColumn, read_manifest

__all__ = ["accuracy_checks", "summarise"]

_PACKAGES = ("cmr-clip", "torch", "pytorch-lightning", "transformers", "pydicom", "h5py", "umap-learn", "numpy")


def summarise(plan: DemoPlan, steps: Sequence[DemoStep], seconds: Mapping[str, float]) -> dict[str, Any]:
    """Collect the numbers that the steps left behind."""
    clips = read_manifest(plan.run / "store")
    folders = (plan.run / name for name in ("pretrain", "lvef", "lvef_baseline"))
    pretraining, pretrained, baseline = (json.loads((path / "test_metrics.json").read_text()) for path in folders)
    prefix = "test/retrieval/"
    truths = [prediction.truth for prediction in _lvef_predictions(plan.run / "lvef")]
    summary: dict[str, Any] = {
        "notice": "simulated cohort; a demonstration, not for clinical use",
        "n_studies": int(clips[ClipColumn.STUDY].nunique()),
        "n_patients": int(clips[ClipColumn.PATIENT].nunique()),
        "n_clips": len(clips),
        "retrieval": {
            name.removeprefix(prefix): value for name, value in pretraining.items() if name.startswith(prefix)
        },
        "lvef": {
            "mae_pretrained": pretrained.get("test/lvef_percent/mae"),
            "mae_baseline": baseline.get("test/lvef_percent/mae"),
            "mae_mean_predictor": pretrained.get("test/lvef_percent/mae_mean_predictor"),
            "n": sum(truth is not None and not math.isnan(truth) for truth in truths),
            "unit": "percentage points",
        },
        "real": _real(plan),
        "seconds": dict(seconds),
        "commands": {step.name: _command(plan, step) for step in steps},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }
    return {**summary, "checks": accuracy_checks(summary)}


def accuracy_checks(summary: Mapping[str, Any]) -> dict[str, bool]:
    """What the full-scale demo must reach on held-out patients; a number that is not defined reaches nothing."""

    def number(part: str, name: str) -> float:
        value = summary[part].get(name)
        return math.nan if value is None else float(value)

    pretrained = number("lvef", "mae_pretrained")
    return {
        "R@5 is at least 3 times chance": number("retrieval", "r_at_5") >= 3 * number("retrieval", "chance_at_5"),
        "LVEF error is below the unpretrained baseline": pretrained < number("lvef", "mae_baseline"),
        "LVEF error is below 0.8 of predicting the mean": pretrained < 0.8 * number("lvef", "mae_mean_predictor"),
    }


def _command(plan: DemoPlan, step: DemoStep) -> str:
    """The command as typed, but for the path of real data, which can hold a name."""
    return shlex.join("REAL" if plan.real and word == str(plan.real) else word for word in step.command)


def _lvef_predictions(folder: Path) -> Iterator[Prediction]:
    """The rows of one target: a run may predict several."""
    return (row for row in read_predictions(folder / "predictions.csv") if row.target == TARGET)


def _real(plan: DemoPlan) -> list[dict[str, Any]]:
    if plan.real is None:
        return []
    folder = plan.run / "real"
    clips = read_manifest(folder / "store")
    return [
        {
            "study": prediction.study,
            "predicted_lvef_percent": round(prediction.score, 1),
            "out_of_distribution": True,
            "views": dict(
                Counter(clips.loc[clips[ClipColumn.STUDY] == prediction.study, ClipColumn.VIEW]).most_common()
            ),
        }
        for prediction in _lvef_predictions(folder)
    ]

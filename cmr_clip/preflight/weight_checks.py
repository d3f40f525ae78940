"""The weights of a run, its folder, and the checkpoint that it would go on from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cmr_clip.preflight.configuration import Plan
from cmr_clip.preflight.findings import Findings
from cmr_clip.tasks.video_task import VideoTask
from cmr_clip.weights.files import read_checkpoint
from cmr_clip.weights.into_task import load_encoder_weights
from cmr_clip.weights.receipt import require_match

__all__ = ["check_folder", "check_model", "check_resume"]

_NAMED = ("last", "best")


def check_model(plan: Plan, findings: Findings) -> VideoTask | None:
    """Build the model; name every file it wants that is not there."""
    missing = [(field, path) for field, path in _paths("model.init_args", plan.model) if not path.exists()]
    for field, path in missing:
        findings.failed(
            "weights", f"{field}: no file or folder {path}", "put the weights there, or set the field to null"
        )
    model = None
    with findings.attempt("model"):
        model = plan.build_model()
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        whole = sum(p.numel() for p in model.parameters())
        findings.ok("model", f"{whole / 1e6:.1f} million parameters, {trained / 1e6:.1f} million of them train")
    kinetics = plan.model.get("kinetics_weights")
    if model is not None and kinetics is not None and Path(kinetics).exists():
        with findings.attempt("weights"):
            interpolate = bool(plan.model.get("interpolate_positions"))
            receipt = load_encoder_weights(model.model.video_encoder, Path(kinetics), interpolate=interpolate)
            findings.ok("weights", f"all {len(receipt.loaded)} tensors of the video encoder are in {kinetics}")
    return None if missing else model


def _paths(name: str, value: object) -> Iterator[tuple[str, Path]]:
    """Every path in a configuration, with the name of its field."""
    if isinstance(value, Path):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _paths(f"{name}.{number}", inner)


def check_resume(plan: Plan, model: VideoTask | None, findings: Findings) -> None:
    """Say what the run goes on from, and whether that fits the model."""
    chosen: Any = plan.config["ckpt_path"]
    with findings.attempt("checkpoint"):
        if chosen in (None, *_NAMED):
            found = (plan.folder / "checkpoints").glob("last*.ckpt")
            path = max(found, key=lambda file: file.stat().st_mtime, default=None)
        else:
            path = Path(chosen)
        if path is None:
            findings.ok("checkpoint", f"none in {plan.folder}: the run starts anew")
            return
        state = read_checkpoint(path)
        if model is not None:
            require_match(state["state_dict"], model.state_dict(), str(path))
        done = f"step {state.get('global_step')}, epoch {state.get('epoch')}"
        findings.note(
            "checkpoint", f"the job scripts go on from {path} ({done})", "another default_root_dir starts anew"
        )


def check_folder(plan: Plan, findings: Findings) -> None:
    """Whether the run's folder can be written."""
    with findings.attempt("run folder"):
        existing = next(
            folder for folder in (plan.folder.absolute(), *plan.folder.absolute().parents) if folder.exists()
        )
        if not existing.is_dir() or not os.access(existing, os.W_OK):
            findings.failed("run folder", f"{existing} cannot be written", "set trainer.default_root_dir")
            return
        free = shutil.disk_usage(existing).free / 1e9
        findings.ok("run folder", f"{plan.folder}, {free:.0f} GB free")

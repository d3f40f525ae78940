"""Options that point a shipped configuration at a small cohort."""

from __future__ import annotations

from pathlib import Path

from tests.support.cohort import Cohort

__all__ = ["of_kind", "options"]


def options(cohort: Cohort, root: Path, **more: object) -> list[str]:
    """Command-line options that point a configuration at the small cohort."""
    values = {
        "data.init_args.store": cohort.store,
        "data.init_args.splits": cohort.splits,
        "trainer.default_root_dir": root,
        "trainer.accelerator": "cpu",
        "trainer.devices": 1,
        "trainer.strategy": "auto",
        "trainer.precision": "32-true",
        "trainer.max_epochs": 2,
        "trainer.check_val_every_n_epoch": 1,
        **more,
    }
    return [text for name, value in values.items() for text in (f"--{name}", str(value))]


def of_kind(path: Path, cohort: Cohort) -> dict[str, object]:
    """What differs by kind of configuration."""
    if path.parent.name == "pretrain" or path.stem == "pretrain":
        return {"data.init_args.sentences": cohort.sentences, "data.init_args.batch_size": 4}
    return {"data.init_args.labels": cohort.labels, "model.init_args.encoder_checkpoint": "null"}

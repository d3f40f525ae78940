"""The settings of a store: it has one key and one way to make pixels."""

from __future__ import annotations

import json

from preprocess.conversion.job import Job
from preprocess.errors import PreprocessError
from preprocess.store.study_file import SCHEMA_VERSION
from preprocess.system.files import write_text

__all__ = ["check_settings"]

_NAMES = {"schema": "version", "bits": "--bits", "spacing_mm": "--spacing", "crop": "--crop"}


def check_settings(job: Job) -> None:
    """Write the settings of a new store; refuse to fill another with a job that does not fit it.

    Raises:
        PreprocessError: the store was made with another key or other pixels, or its settings are damaged.
    """
    path = job.store / ".ledger" / "settings.json"
    own = {"schema": SCHEMA_VERSION, "bits": job.bits, "spacing_mm": job.spacing_mm, "crop": job.crop}
    settings: dict[str, object] = {"key_check": job.key.source("key check"), **own}
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_text(path, json.dumps(settings))
        return
    except json.JSONDecodeError:
        raise PreprocessError("the store's settings.json is damaged", "remove the store and convert again") from None
    if before.get("key_check") != settings["key_check"]:
        raise PreprocessError("the store was made with another site key", "name that key with --key")
    others = [_NAMES[name] for name in own if before.get(name) != own[name]]
    if others:
        raise PreprocessError(f"the store was made with another {', '.join(others)}", "use another --out")

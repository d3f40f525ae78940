"""Whether two runs of the demo came to the same results, file by file and bit by bit.

    python -m benchmarks.same_demo OLD_RUN NEW_RUN

Both must be made on one machine with the same patients and seed. What differs is stated with how much: rows, columns,
and the largest difference of numbers. A file of JSON may say more in the newer run. The exit code is 1 if anything
else differs or is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - the store's codec
import numpy as np
import pandas as pd
import torch

__all__ = ["differences", "main"]

_TABLES = (
    "store/clips.csv",
    "store/clips.parquet",
    "store/ledger.csv",
    "labels.csv",
    "labels.ledger.csv",
    "truth_labels.csv",
    "sentences.ledger.csv",
    "splits.csv",
    "embeddings.parquet",
    "lvef/predictions.csv",
    "lvef/attention.csv",
    "lvef_baseline/predictions.csv",
    "lvef_baseline/attention.csv",
    "map/coordinates.parquet",
)
_JSON = ("sentences.json", "pretrain/test_metrics.json", "lvef/test_metrics.json", "lvef_baseline/test_metrics.json")
_CHECKPOINTS = tuple(f"{name}/checkpoints/last.ckpt" for name in ("pretrain", "lvef", "lvef_baseline"))


def differences(old: Path, new: Path) -> dict[str, list[str]]:
    """What differs, by file; an empty list where nothing does.

    Args:
        old: folder of the older run.
        new: folder of the newer run.
    """
    checks = {**dict.fromkeys(_TABLES, _tables), **dict.fromkeys(_JSON, _json), **dict.fromkeys(_CHECKPOINTS, _tensors)}
    found = {}
    for name, check in checks.items():
        missing = [f"missing in {run}" for run in (old, new) if not (run / name).is_file()]
        found[name] = missing or list(check(old / name, new / name))
    return {**found, "store/*/*.h5": list(_studies(old / "store", new / "store"))}


def _table(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _tables(old: Path, new: Path) -> Iterator[str]:
    before, after = _table(old), _table(new)
    if old.read_bytes() == new.read_bytes():
        return
    if list(before) != list(after):
        yield f"columns: {sorted(set(before) ^ set(after)) or 'in another order'}"
        return
    if len(before) != len(after):
        yield f"rows: {len(before)}, now {len(after)}"
        return
    if before.equals(after) and old.suffix == ".csv":
        yield "the same values, written differently"
    for column in before:
        if not before[column].equals(after[column]):
            yield f"column {column}: {_by_how_much(before[column], after[column])}"


def _by_how_much(before: pd.Series, after: pd.Series) -> str:
    numbers = [pd.to_numeric(values, errors="coerce").to_numpy(float) for values in (before, after)]
    changed = int((before != after).sum())
    largest = np.nanmax(np.abs(numbers[0] - numbers[1]), initial=0.0)
    return f"{changed} of {len(before)} values differ, numbers by at most {largest:.3g}"


def _json(old: Path, new: Path) -> Iterator[str]:
    before, after = (_flat(json.loads(path.read_text(encoding="utf-8"))) for path in (old, new))
    changed = [name for name, value in before.items() if name not in after or after[name] != value]
    if changed:
        yield f"{len(changed)} of {len(before)} values differ, first {changed[0]}"


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict):
        return {prefix: content}
    return {name: value for key, inner in content.items() for name, value in _flat(inner, f"{prefix}/{key}").items()}


def _tensors(old: Path, new: Path) -> Iterator[str]:
    before, after = (torch.load(path, weights_only=True, map_location="cpu")["state_dict"] for path in (old, new))
    if before.keys() != after.keys():
        yield f"parameters: {sorted(before.keys() ^ after.keys())[:4]} …"
        return
    changed = {name: value for name, value in before.items() if not torch.equal(value, after[name])}
    if changed:
        largest = max(float((value - after[name]).abs().max()) for name, value in changed.items())
        yield f"{len(changed)} of {len(before)} tensors differ, by at most {largest:.3g}"


def _studies(old: Path, new: Path) -> Iterator[str]:
    names, others = ({path.relative_to(store) for path in store.glob("*/*.h5")} for store in (old, new))
    if names != others or not names:
        yield f"{len(names)} studies, now {len(others)}, {len(names & others)} of them of the same name"
    for name in sorted(names & others):
        with h5py.File(old / name) as before, h5py.File(new / name) as after:
            if _content(before) != _content(after):
                yield f"{name} differs"


def _content(file: h5py.File) -> dict[str, Any]:
    """Attributes and pixels; the version of the software may differ."""
    items = {"": file, **dict(file)}
    attributes = {
        f"{name}@{key}": np.asarray(value).tolist()
        for name, item in items.items()
        for key, value in item.attrs.items()
        if key != "software_version"
    }
    return attributes | {name: (str(item.dtype), item.shape, item[()].tobytes()) for name, item in file.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path, help="folder of the older run")
    parser.add_argument("new", type=Path, help="folder of the newer run")
    args = parser.parse_args()
    found = differences(args.old, args.new)
    for name, lines in found.items():
        print(f"{'differs' if lines else 'same   '}  {name}")
        for line in lines:
            print(f"         {line}")
    sys.exit(1 if any(found.values()) else 0)


if __name__ == "__main__":
    main()

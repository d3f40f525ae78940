"""Training and embedding read a manifest that names clips, or say what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cmr_clip.clips.reader import clip_keys
from preprocess.errors import MendableError
from tests.support.explore_cohorts import Files

CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "column slice": lambda table: table.assign(slice=float("nan")),
    r"\(column slice\)": lambda table: table.assign(slice="x"),
    "column slice.": lambda table: table.assign(slice=table["slice"] + 0.5),
    "column view": lambda table: table.drop(columns="view"),
    "slices that are no index": lambda table: table.assign(slice=table["slice"] - 1),
    "unknown views": lambda table: table.assign(view="/SAX/../4CH"),
    "clips again": lambda table: pd.concat([table, table]),
    "are not 16 hex digits": lambda table: table.assign(patient="../.."),
}


@pytest.mark.parametrize("problem", CHANGES)
def test_a_manifest_that_names_no_clips_is_refused(problem: str, files: Files, tmp_path: Path) -> None:
    CHANGES[problem](pd.read_parquet(files.store / "clips.parquet")).to_parquet(tmp_path / "clips.parquet", index=False)
    with pytest.raises(MendableError, match=problem) as raised:
        clip_keys(tmp_path)
    assert "clips.parquet" in str(raised.value) or str(tmp_path) in str(raised.value)

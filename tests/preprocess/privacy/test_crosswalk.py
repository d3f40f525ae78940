"""The crosswalk leads back to the patient, and only its owner may read it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from preprocess.cli import main
from preprocess.store.manifest import read_manifest
from tests.support.factories import SeriesSpec, datasets, encode, write_zip
from tests.support.identifiers import assert_absent, every_output


def test_the_crosswalk_leads_back_and_is_private(tmp_path: Path) -> None:
    content = {f"{i}": encode(ds) for i, ds in enumerate(datasets(SeriesSpec(n_slices=1)))}
    source = write_zip(tmp_path / "in" / "a.zip", content)
    crosswalk, out = tmp_path / "site" / "crosswalk.csv", tmp_path / "store"
    arguments = [
        "convert",
        "--input",
        str(source),
        "--out",
        str(out),
        "--workers",
        "1",
        "--crosswalk",
        str(crosswalk),
    ]
    assert main(arguments) == 0
    assert crosswalk.stat().st_mode & 0o777 == 0o600
    assert main(arguments) == 0
    assert crosswalk.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "store.private" / "site.key").stat().st_mode & 0o777 == 0o600
    table = pd.read_csv(crosswalk, dtype=str)
    manifest = read_manifest(out)
    found = {kind: (group["hash"].item(), group["identifier"].item()) for kind, group in table.groupby("kind")}
    assert found["patient"] == (manifest["patient"][0], "MRN0001")
    assert found["study"] == (manifest["study"][0], "ACC77")
    assert found["source"][1] == str(source)
    assert_absent(("MRN0001", "ACC77", "a.zip"), every_output(out))

"""Ledger and manifest: what was written is read again, in pieces as a whole; other files are told apart from damage."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preprocess.errors import DamagedFileError, MachineError, PreprocessError
from preprocess.store.ledger import LEFT_OUT, STORED, Record, Row, has_ledger, read_ledger, write_ledger
from preprocess.store.manifest import (
    MANIFEST_COLUMNS,
    ManifestRow,
    checked_manifest,
    manifest_pieces,
    read_manifest,
    write_manifest,
)
from preprocess.system.parquet import read_parquet

ROWS = [
    Row("00", "11", "22", "33", "SAX", 0.95, STORED, None, 120, 30, 'said "SAX, short axis"'),
    Row("00", "11", "22", "33", "SAX", 0.95, LEFT_OUT, -12.5, 30, 30, "another, better slice\nof two"),
    Row("00", n_files=1, reason="not a DICOM file"),
]


def rows_of_clips(n: int) -> list[ManifestRow]:
    return [
        ManifestRow(f"{i // 4:016x}", f"{i // 8:016x}", ("SAX", "4CH")[i % 2], i % 4, 20 + i % 9, 128, 120, 1.5, np.nan,
                    8.0, "GE", "Optima", 1.5, "", 61.0 if i % 3 else np.nan, f"{i:064x}")
        for i in range(n)
    ]  # fmt: skip


def table_of(n: int) -> pd.DataFrame:
    return pd.DataFrame(map(vars, rows_of_clips(n)), columns=list(MANIFEST_COLUMNS)).astype(MANIFEST_COLUMNS)


def test_the_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert not has_ledger(tmp_path)
    with pytest.raises(PreprocessError, match="no ledger"):
        list(read_ledger(tmp_path))
    write_ledger(tmp_path, [Record("00", rows=tuple(ROWS))])
    assert sorted(map(repr, read_ledger(tmp_path))) == sorted(map(repr, ROWS))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b"position_mm", b"place"),
        lambda text: text.replace(b"-12.5", b"far"),
        lambda text: text.replace(b",120,", b",many,"),
        lambda text: text.replace(b",120,", b","),
        lambda text: text.replace(b"SAX", b"\xff\xfe"),
        lambda text: b"",
        lambda text: text[:-40],
    ],
)
def test_a_damaged_ledger_is_told(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = write_ledger(tmp_path, [Record("00", rows=tuple(ROWS))])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DamagedFileError, match="is no ledger"):
        list(read_ledger(tmp_path))


@pytest.mark.parametrize("piece", [1, 7, 100, 1000])
def test_the_manifest_in_pieces_is_the_whole(tmp_path: Path, piece: int) -> None:
    table = table_of(100)
    write_manifest(tmp_path, table)
    pieces = list(manifest_pieces(tmp_path, piece))
    assert all(len(part) <= piece for part in pieces)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), table)
    for path in (tmp_path, tmp_path / "clips.parquet", tmp_path / "clips.csv"):
        pd.testing.assert_frame_equal(read_manifest(path), table)
    pd.testing.assert_frame_equal(checked_manifest(tmp_path), table)


def test_the_manifest_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    for n in (0, 10):
        write_manifest(tmp_path, table_of(n))
        pd.testing.assert_frame_equal(read_manifest(tmp_path), pd.read_parquet(tmp_path / "clips.parquet"))
        assert len(checked_manifest(tmp_path)) == n


@pytest.mark.parametrize(
    "change", [{"slice": "first"}, {"age_years": "old"}, {"n_frames": np.nan}, {"view": 4}, {"rows": [[1]]}]
)
def test_a_manifest_of_other_types_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    table = table_of(1).assign(**change)
    write_manifest(tmp_path, table)
    for path in (tmp_path / "clips.parquet", tmp_path / "clips.csv"):
        if path.suffix == ".parquet" or "view" not in change:  # as text a number is a view of another name
            with pytest.raises(DamagedFileError):
                checked_manifest(path)
    with pytest.raises(DamagedFileError):
        list(manifest_pieces(tmp_path))


@pytest.mark.parametrize("n", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_manifest_is_read_or_told(tmp_path: Path, n: int) -> None:
    """No copy of a flipped byte ends in another error than that of a damaged file."""
    write_manifest(tmp_path, table_of(12))
    rng = np.random.default_rng(n)
    told = 0
    for name in ("clips.parquet", "clips.csv"):
        content = (tmp_path / name).read_bytes()
        for _ in range(n):
            damaged = bytearray(content)
            for place in rng.integers(0, len(content), 2).tolist():
                damaged[place] = int(rng.integers(256))
            (tmp_path / name).write_bytes(damaged)
            try:
                checked_manifest(tmp_path / name)
            except DamagedFileError:
                told += 1
    assert told > n / 4


def test_what_the_machine_lacks_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MachineError, match="No such file"):
        read_parquet(tmp_path / "absent.parquet")
    write_manifest(tmp_path, table_of(3))

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read", fail)
    with pytest.raises(MachineError, match="out of memory"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), OSError("no number")])
def test_a_table_that_cannot_be_written_is_the_machines_fault(
    fault: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    with pytest.raises(MachineError, match=r"cannot write .*clips\.parquet: .*make room"):
        write_manifest(tmp_path, table_of(2))
    assert not list(tmp_path.iterdir())

"""Parquet tables: written whole or not at all, read with checks, as a whole or in pieces.

Only the columns themselves are read, never what pandas notes beside them: a note that was damaged could say anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from preprocess.errors import DamagedFileError, MachineError, machine_fault
from preprocess.system.files import remove_stale, replacing, writing

__all__ = ["parquet_pieces", "read_parquet", "reading_parquet", "write_parquet"]

# What pyarrow raises where bytes are not what the format says: OSError for the file's frame (without a number, see
# `machine_fault`), ArrowException for its content, ValueError where text is not UTF-8 or a number does not fit.
_DAMAGED = (OSError, pa.ArrowException, ValueError)

_BUFFER = 64 * 1024  # bytes of a column


@contextmanager
def reading_parquet(path: Path, remedy: str = "") -> Iterator[None]:
    """A block that reads a Parquet file.

    Args:
        path: the file, for the message.
        remedy: what to do about a damaged one.

    Raises:
        DamagedFileError: it is no Parquet file, or its content is damaged.
        MachineError: the machine could not read it.
    """
    try:
        yield
    except MemoryError as error:
        raise MachineError(f"{path} cannot be read: {machine_fault(error)}") from error
    except _DAMAGED as error:
        if fault := machine_fault(error):
            raise MachineError(f"{path} cannot be read: {fault}") from error
        raise DamagedFileError(f"{path} is not readable Parquet ({type(error).__name__})", remedy) from error


def read_parquet(path: Path, remedy: str = "") -> pd.DataFrame:
    """All of a table.

    Raises:
        DamagedFileError: damaged.
        MachineError: the machine could not read it.
    """
    with reading_parquet(path, remedy), pq.ParquetFile(path) as file:
        table: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
        return table


def parquet_pieces(path: Path, rows: int, remedy: str = "") -> Iterator[pd.DataFrame]:
    """A table in pieces, so that memory does not grow with it, but with the groups of rows that it was written in.

    Args:
        path: the file.
        rows: of a piece, at most; a piece ends where a group ends.
        remedy: what to do about a damaged one.

    Raises:
        DamagedFileError: damaged.
        MachineError: the machine could not read it.
    """
    with reading_parquet(path, remedy):
        file = pq.ParquetFile(path, buffer_size=_BUFFER)
    with file:
        for group in range(file.num_row_groups):  # pyarrow keeps what it read of a group until it is done with all
            batches = file.iter_batches(rows, row_groups=[group])
            while True:
                with reading_parquet(path, remedy):
                    batch = next(batches, None)
                    piece = None if batch is None else batch.to_pandas(ignore_metadata=True)
                if piece is None:
                    break
                yield piece


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, under a temporary name first.

    Raises:
        MachineError: the file cannot be written.
    """
    with writing(path):
        remove_stale(path)
        with replacing(path) as temporary:
            table.to_parquet(temporary, index=False)

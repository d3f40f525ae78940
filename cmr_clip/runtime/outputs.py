"""Places for results, tried before anything is computed for them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from preprocess.errors import MachineError

__all__ = ["check_file_place", "check_folder_place"]


def check_file_place(path: Path) -> None:
    """Make sure that a file can be written here, and make its folder.

    Raises:
        MachineError: it cannot.
    """
    if path.is_dir():
        raise MachineError(f"cannot write {path}: it is a folder", "give the name of a file")
    check_folder_place(path.parent)


def check_folder_place(folder: Path) -> None:
    """Make the folder and make sure that files can be written into it.

    Raises:
        MachineError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".tmp") as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        raise MachineError(f"cannot write into {folder}: {error.strerror}", "choose another place") from None

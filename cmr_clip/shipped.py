"""Files that the package brings along for a person to read and change: configurations and job scripts."""

from __future__ import annotations

from pathlib import Path

from cmr_clip.errors import CmrClipError
from preprocess.system.files import write_text

__all__ = ["CONFIGS", "copy_shipped", "shipped_files"]

_PACKAGE = Path(__file__).parent
CONFIGS = _PACKAGE / "configs"  # in a checkout a link to the folder at its top, in an installed package the folder
_FOLDERS = ("configs", "slurm")
_SHOWN = 5


def shipped_files() -> list[Path]:
    """The shipped files by their paths in the folder that they are copied to, such as `configs/site.yaml`."""
    found = [path for name in _FOLDERS for path in (_PACKAGE / name).rglob("*") if path.is_file()]
    return sorted(path.relative_to(_PACKAGE) for path in found)


def copy_shipped(folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Copy the shipped files to `folder/configs` and `folder/slurm`.

    Args:
        folder: made if absent.
        overwrite: replace files that differ.

    Returns:
        The files that were written; those that were there already, word for word, are not among them.

    Raises:
        CmrClipError: files of these names differ, and `overwrite` is not set; nothing is written.
    """
    texts = {folder / name: (_PACKAGE / name).read_text(encoding="utf-8") for name in shipped_files()}
    differing = [path for path, text in texts.items() if path.exists() and path.read_bytes() != text.encode()]
    if differing and not overwrite:
        names = ", ".join(str(path) for path in differing[:_SHOWN]) + (", …" if len(differing) > _SHOWN else "")
        raise CmrClipError(f"files that differ would be replaced: {names}", "give another folder, or --overwrite")
    written = [path for path in texts if path in differing or not path.exists()]
    for path in written:
        write_text(path, texts[path])
    return written

"""YAML files that people write, read with one clear error for whatever they hold instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cmr_clip.errors import CmrClipError
from preprocess.errors import MachineError

__all__ = ["read_mapping"]


def read_mapping(path: Path, remedy: str, refusal: type[CmrClipError] = CmrClipError) -> dict[str, Any]:
    """The fields of a YAML file in UTF-8.

    Args:
        path: the file.
        remedy: where a good one is to be seen.
        refusal: kind of the error about what the file holds.

    Raises:
        CmrClipError: no such file, not UTF-8, no YAML, or no fields; of the kind `refusal`.
        MachineError: the machine could not read it.
    """
    try:
        content = yaml.safe_load(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise refusal(f"no file {path}", "check the path") from None
    except OSError as error:
        raise MachineError(f"{path} is not readable: {error.strerror}", "name a file you may read") from None
    except UnicodeDecodeError:
        raise refusal(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # ValueError: 2026-13-45 is no date
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise refusal(f"{path} is not YAML{place}", remedy) from None
    if not isinstance(content, dict) or not content:
        raise refusal(f"{path} {'holds no fields' if content else 'is empty'}", remedy)
    return content

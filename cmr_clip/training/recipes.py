"""Recipes: a configuration file may name others as its `base`, which are read before it and hold what it does not say.

`base: ../base/pretrain.yaml`, or a list of files; each path starts at the file that names it, wherever a link to
that file may lie. The bases become `--config` options of their own in front of their recipe's, so that LightningCLI
merges them as it merges any files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from cmr_clip.errors import ConfigurationError
from cmr_clip.runtime.yaml_file import read_mapping

__all__ = ["config_files", "read_yaml", "with_bases"]

_OPTIONS = ("--config", "-c")


def config_files(arguments: Sequence[str]) -> list[str]:
    """The files that arguments of LightningCLI give with `--config`."""
    return [value for option, value in _options(arguments) if option in _OPTIONS and value is not None]


def with_bases(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--config BASE` in front of `--config FILE` for each file that FILE builds on.

    A base that the arguments gave already, or that several files name, is read once, at its first place.

    Raises:
        ConfigurationError: a file or a base is missing or holds no settings, or a base is part of a circle or no
            file name.
    """
    expanded: list[str] = []
    given: set[Path] = set()
    for option, value in _options(arguments):
        if option == "--base":
            raise ConfigurationError("--base is no option", "a file names its base; on the command line give --config")
        if option not in _OPTIONS or value is None:
            expanded += [option] if value is None else [option, value]
            continue
        file = Path(value)
        if not os.path.isfile(file):  # noqa: PTH113 - settings as text can be too long for a file name
            _check_inline(value)
            expanded += ["--config", value]
            continue
        for base in _bases(file, (file.resolve(),)):
            if base.resolve() not in given:
                given.add(base.resolve())
                expanded += ["--config", str(base)]
        given.add(file.resolve())
        expanded += ["--config", value]
    return expanded


def read_yaml(file: Path) -> Any:
    """The content of a YAML file; None for what is no readable YAML, on which LightningCLI has the last word."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Options that name files with their values, and every other word by itself."""
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option not in (*_OPTIONS, "--base"):
            yield word, None
        elif equals:
            yield option, value
        else:
            yield option, next(words, None)


def _check_inline(value: str) -> None:
    """Settings may stand on the command line themselves; anything else there is the name of a missing file."""
    try:
        content = yaml.safe_load(value)
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError(f"no configuration {value}", "cmr-clip configs --copy . writes the shipped ones")
    if "base" in content:
        raise ConfigurationError("a --config without a file has a base", "give the base with --config in front of it")


def _bases(file: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """The files that `file` builds on, each after its own bases; `above` are `file` and those that build on it."""
    named = read_mapping(file, "configs/README.md says what a configuration holds", ConfigurationError).get("base")
    names = [] if named is None else [named] if isinstance(named, str) else named
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ConfigurationError(f"{file}: base is {named!r}", "name a file or a list of files")
    real = file.resolve()  # where the bases lie, if links led to the file
    folder = file.parent if real == Path(os.path.normpath(Path.cwd() / file)) else real.parent
    for name in names:
        base = Path(os.path.normpath(folder / name))
        if base.resolve() in above:
            raise ConfigurationError(f"{file}: its base {name} builds on {file.name} itself", "break the circle")
        if not base.is_file():
            problem = f"{file}: its base {name} is missing, there is no file {base}"
            raise ConfigurationError(problem, "the path of a base starts at the file that names it")
        yield from _bases(base, (*above, base.resolve()))
        yield base

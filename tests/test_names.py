"""A name means one thing: few modules are called alike, and few public names are defined in several modules."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.support.source_tree import PACKAGES, modules_of, public_names

USUAL = {"__init__", "__main__", "cli", "errors"}
MOST_STEMS, MOST_NAMES = 6, 8


def modules() -> dict[str, Path]:
    """All modules but those that must be called as they are: commands, and the usual ones."""
    found = {name: path for package in PACKAGES for name, path in modules_of(package).items()}
    return {name: path for name, path in found.items() if path.parent.name != "commands" and path.stem not in USUAL}


def test_few_modules_are_called_alike() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in modules().items():
        places[path.stem].append(name)
    twice = {stem: names for stem, names in places.items() if len(names) > 1}
    assert len(twice) <= MOST_STEMS, "\n".join(f"{stem}: {', '.join(twice[stem])}" for stem in twice)


def test_few_public_names_are_defined_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        for name in public_names(path):
            places[name].append(module)
    twice = {name: found for name, found in sorted(places.items()) if len(found) > 1}
    assert len(twice) <= MOST_NAMES, "\n".join(f"{name}: {', '.join(twice[name])}" for name in twice)

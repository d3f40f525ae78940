"""The data sets that are known. A new one is a module beside `acdc` and a line here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

from preprocess.errors import PreprocessError
from preprocess.sources.sites.acdc import Acdc
from preprocess.sources.sites.identity import Identity
from preprocess.sources.sites.kaggle import Kaggle
from preprocess.sources.sites.protocol import Aside, Site
from preprocess.sources.sites.ukbiobank import UkBiobank

__all__ = ["SHIPPED_SITES", "KnownFile", "identify", "known_file", "known_sites", "register_site", "registered_site"]

_NAME = re.compile(r"[a-z][a-z0-9]*", re.ASCII)
_SITES: dict[str, Site] = {site.name: site for site in (UkBiobank(), Kaggle(), Acdc())}
SHIPPED_SITES = tuple(_SITES)


@dataclass(frozen=True)
class KnownFile:
    """A file that a data set knows by its name: an image with an identity, or something that lies beside images."""

    site: Site
    identity: Identity | None
    aside: Aside | None


def known_sites() -> tuple[Site, ...]:
    """All data sets in the order of registration."""
    return tuple(_SITES.values())


def known_file(path: PurePath, sites: Sequence[Site] | None = None) -> KnownFile | None:
    """What the data sets know of a path. Of several that know it the first registered one counts.

    So a data set that is added later takes no file away from those that were there, and no study changes its key.

    Args:
        path: of an archive, of a folder, or of a file in one as `archive path / member name`.
        sites: the data sets to ask; all that are registered by default.
    """
    for site in known_sites() if sites is None else sites:
        aside = site.aside(path)
        identity = None if aside else site.identify(path)
        if aside or identity:
            return KnownFile(site, identity, aside)
    return None


def identify(path: PurePath, sites: Sequence[Site] | None = None) -> Identity | None:
    """The patient and study that a path names, or None where it is none of the data sets'; see `known_file`."""
    found = known_file(path, sites)
    return found.identity if found else None


def register_site(site: Site) -> None:
    """Make a data set known in this process, after those that are.

    Raises:
        PreprocessError: its name is no plain word, or another one has it.
    """
    if not _NAME.fullmatch(site.name):
        raise PreprocessError(f"{site.name!r} is no name of a data set", "use small letters and digits")
    if site.name in _SITES:
        raise PreprocessError(f"another data set is called {site.name!r}", "give it a name of its own")
    _SITES[site.name] = site


@contextmanager
def registered_site(site: Site) -> Iterator[Site]:
    """A data set that is known inside the context only.

    Raises:
        PreprocessError: as `register_site`.
    """
    register_site(site)
    try:
        yield site
    finally:
        del _SITES[site.name]

"""Public data sets whose files are identified by their names: UK Biobank, Kaggle's Data Science Bowl, ACDC."""

from __future__ import annotations

from pathlib import PurePath

from preprocess.sources.sites import acdc, kaggle, ukbiobank
from preprocess.sources.sites.identity import Identity, Layout

__all__ = ["Identity", "Layout", "identify"]


def identify(path: PurePath) -> Identity | None:
    """The patient and study that a path names, or None where it is none of the known data sets'.

    Args:
        path: of an archive, of a folder, or of a member as `archive path / member name`.
    """
    return ukbiobank.identify(path) or kaggle.identify(path) or acdc.identify(path)

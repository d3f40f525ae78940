"""Public data sets whose files are identified by their names: UK Biobank, Kaggle's Data Science Bowl, ACDC."""

from __future__ import annotations

from preprocess.sources.sites.identity import Identity
from preprocess.sources.sites.protocol import Aside, LabelOption, LabelRow, Site, SiteLabels, SiteVolume
from preprocess.sources.sites.registry import identify, known_sites, register_site, registered_site

__all__ = [
    "Aside",
    "Identity",
    "LabelOption",
    "LabelRow",
    "Site",
    "SiteLabels",
    "SiteVolume",
    "identify",
    "known_sites",
    "register_site",
    "registered_site",
]

"""What goes in: folders and archives, NIfTI volumes, and public data sets with names of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.sources.finding import Shard as Shard
    from preprocess.sources.finding import Source as Source
    from preprocess.sources.finding import find_sources as find_sources
    from preprocess.sources.sites.identity import Identity as Identity
    from preprocess.sources.sites.protocol import Aside as Aside
    from preprocess.sources.sites.protocol import LabelOption as LabelOption
    from preprocess.sources.sites.protocol import LabelRow as LabelRow
    from preprocess.sources.sites.protocol import Site as Site
    from preprocess.sources.sites.protocol import SiteLabels as SiteLabels
    from preprocess.sources.sites.protocol import SiteVolume as SiteVolume
    from preprocess.sources.sites.registry import known_sites as known_sites
    from preprocess.sources.sites.registry import register_site as register_site
    from preprocess.sources.sites.registry import registered_site as registered_site
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        finding="Shard Source find_sources",
        sites__identity="Identity",
        sites__protocol="Aside LabelOption LabelRow Site SiteLabels SiteVolume",
        sites__registry="known_sites register_site registered_site",
    )

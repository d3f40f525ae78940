"""The HDF5 files of the paper's public tools: reading them, and bringing them into a study store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.legacy.importer import import_legacy as import_legacy
    from preprocess.legacy.master import MasterTable as MasterTable
    from preprocess.legacy.master import read_master as read_master
    from preprocess.legacy.names import Names as Names
    from preprocess.legacy.names import read_view_map as read_view_map
    from preprocess.legacy.reader import LegacySeries as LegacySeries
    from preprocess.legacy.reader import open_legacy as open_legacy
    from preprocess.legacy.reader import read_legacy as read_legacy
    from preprocess.legacy.study import LegacyJob as LegacyJob
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        importer="import_legacy",
        master="MasterTable read_master",
        names="Names read_view_map",
        reader="LegacySeries open_legacy read_legacy",
        study="LegacyJob",
    )

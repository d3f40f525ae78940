"""The HDF5 files of the paper's public tools: reading them, and bringing them into a study store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.legacy.importer import import_legacy as import_legacy
    from preprocess.legacy.legacy_file import LegacySeries as LegacySeries
    from preprocess.legacy.legacy_file import open_legacy as open_legacy
    from preprocess.legacy.legacy_file import read_legacy as read_legacy
    from preprocess.legacy.master import MasterTable as MasterTable
    from preprocess.legacy.master import read_master as read_master
    from preprocess.legacy.master_tables import MasterTables as MasterTables
    from preprocess.legacy.master_tables import write_master_tables as write_master_tables
    from preprocess.legacy.study_import import LegacyJob as LegacyJob
    from preprocess.legacy.view_map import Names as Names
    from preprocess.legacy.view_map import read_view_map as read_view_map
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        importer="import_legacy",
        legacy_file="LegacySeries open_legacy read_legacy",
        master="MasterTable read_master",
        master_tables="MasterTables write_master_tables",
        study_import="LegacyJob",
        view_map="Names read_view_map",
    )

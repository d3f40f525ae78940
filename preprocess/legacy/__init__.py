"""The HDF5 files of the paper's public tools: reading them, and bringing them into a study store."""

from __future__ import annotations

from preprocess.legacy.reader import LegacySeries, open_legacy, read_legacy

__all__ = ["LegacySeries", "open_legacy", "read_legacy"]

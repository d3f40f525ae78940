"""Reading cine clips from the study store: one chunk per clip, grey, uint8, in its native size."""

from __future__ import annotations

import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import pandas as pd
import torch

from cmr_clip.clips.batch import Clip
from cmr_clip.clips.spec import subsample_frames
from cmr_clip.errors import CmrClipError
from preprocess.store.clip_rows import check_clip_rows
from preprocess.store.intensity import grey8, shown_window
from preprocess.store.manifest import MANIFEST_FILES, ClipColumn, checked_manifest
from preprocess.store.schema import PIXEL_SPACING, attribute_value
from preprocess.store.study_file import open_study, read_slice, study_path, view_data
from preprocess.system.files import replacing

__all__ = ["ClipKey", "ClipReader", "clip_keys"]

_OPEN_FILES = 32
_log = logging.getLogger(__name__)


class ClipKey(NamedTuple):
    """Where a clip lies in the store."""

    patient: str
    study: str
    view: str
    slice: int


def clip_keys(store: Path, views: Sequence[str] | None = None) -> pd.DataFrame:
    """The clip manifest of a store, restricted to some views.

    Raises:
        CmrClipError: a view that the store lacks, or no clip is left.
        DamagedFileError: the manifest is damaged, or has rows that name no clip, or one twice.
    """
    manifest = checked_manifest(store)
    check_clip_rows(store / MANIFEST_FILES[0], manifest, "make it again with cmr-preprocess convert")
    if views is not None:
        known = set(manifest[ClipColumn.VIEW])
        unknown = sorted(set(views) - known)
        if unknown:
            has = f"it has {', '.join(sorted(known)) or 'no clip'}"
            raise CmrClipError(f"no clip of view {', '.join(unknown)} in {store}", has)
        manifest = manifest[manifest[ClipColumn.VIEW].isin(views)]
    if manifest.empty:
        raise CmrClipError(f"the clip manifest of {store} is empty", "see ledger.csv in the store for the reasons")
    return manifest


class ClipReader:
    """Reads clips; keeps a few files open per process and, if wanted, the clips it has read.

    Args:
        store: the study store.
        n_frames: T.
        cache_mb: keep up to this many MB of clips in memory (per process).
        local_copy: folder on a fast local disk, or in `/dev/shm`; each study file is copied there when it is first
            read, and all processes of a node read the copy. For stores on slow network disks.
    """

    def __init__(self, store: Path, n_frames: int, cache_mb: int = 0, local_copy: Path | None = None) -> None:
        self.store = store
        self.n_frames = n_frames
        self.local_copy = local_copy
        self._room = cache_mb * 2**20
        self._clips: dict[ClipKey, Clip] = {}
        self._files: OrderedDict[tuple[str, str], h5py.File] = OrderedDict()
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_files": OrderedDict(), "_clips": {}}

    def read(self, key: ClipKey) -> Clip:
        """Read one clip.

        Raises:
            PreprocessError: the study is not in the store, is damaged, or has no such view or slice.
        """
        if key in self._clips:
            return self._clips[key]
        data = view_data(self._file(key.patient, key.study), key.view)
        cine = read_slice(data, key.slice)
        frames = grey8(cine[subsample_frames(len(cine), self.n_frames)], shown_window(data))
        row, column = (float(value) for value in attribute_value(data, PIXEL_SPACING))
        clip = Clip(torch.from_numpy(frames), (row, column))
        size = clip.frames.numel()
        if size <= self._room:
            self._room -= size
            self._clips[key] = clip
        return clip

    def _file(self, patient: str, study: str) -> h5py.File:
        name = (patient, study)
        if self._process != os.getpid():  # HDF5 handles do not survive a fork
            self._process, self._files = os.getpid(), OrderedDict()
        if name not in self._files:
            if len(self._files) >= _OPEN_FILES:
                self._files.popitem(last=False)[1].close()
            self._files[name] = open_study(self._nearest_store(patient, study), patient, study)
        self._files.move_to_end(name)
        return self._files[name]

    def _nearest_store(self, patient: str, study: str) -> Path:
        """The store itself, or its local copy after making sure that it holds the study."""
        if self.local_copy is None:
            return self.store
        origin, copy = study_path(self.store, patient, study), study_path(self.local_copy, patient, study)
        if not origin.exists():
            return self.store  # which says so
        try:
            ours, theirs = copy.stat() if copy.exists() else None, origin.stat()
            if ours is None or ours.st_size != theirs.st_size or abs(ours.st_mtime - theirs.st_mtime) >= 0.01:
                with replacing(copy) as temporary:
                    shutil.copy2(origin, temporary)
        except OSError as error:
            _log.warning("no local copies any more: %s; reading from %s", error.strerror, self.store)
            self.local_copy = None
            return self.store
        return self.local_copy

"""One stored file checked from its first attribute to its last pixel: what a worker of `verify` does."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the codec
import numpy as np
import numpy.typing as npt

from preprocess.errors import DamagedFileError, MachineError
from preprocess.store.hashes import cine_sha256, study_sha256
from preprocess.store.hdf5 import reading_hdf5
from preprocess.store.manifest import ManifestRow
from preprocess.store.schema import (
    AGE,
    FIELD_STRENGTH,
    FILE_SHA256,
    IMAGE_ORIENTATION,
    IMAGE_POSITION,
    MODEL,
    N_FRAMES,
    PIXEL_SPACING,
    SCHEMA,
    SEX,
    SLICE_SHA256,
    SLICE_THICKNESS,
    VENDOR,
    Attribute,
)
from preprocess.store.study_file import SCHEMA_VERSION, study_path
from preprocess.store.views import View
from preprocess.system.clock import Clock, TimeUpError
from preprocess.verification.attributes import Values, file_attributes, stack_attributes, value_problems
from preprocess.verification.fingerprint import Words, fingerprint
from preprocess.verification.problem import Check, Problem
from preprocess.verification.structure import chunk_problem, data_problem, members

__all__ = ["Checked", "StoredClip", "Task", "check_file"]

_FIELD_OF_VIEW = 360.0  # mm of the longer side, assumed where the spacing is unknown


@dataclass(frozen=True)
class Task:
    """A file to check.

    Attributes:
        store: folder of the store.
        patient: key.
        study: key.
        known: SHA-256 of slices whose fingerprints are known; None to make no fingerprints.
        timeout_s: seconds after which a file without progress is given up.
    """

    store: Path
    patient: str
    study: str
    known: frozenset[str] | None = None
    timeout_s: float = 300.0


@dataclass(frozen=True)
class StoredClip:
    """A slice as found.

    Attributes:
        row: its line of the manifest.
        position: along the plane's normal, mm; NaN where unknown.
        normal: of the plane (LPS); NaN where unknown.
        words: fingerprint, None where it was known, not asked for or cannot be made.
        is_even: all pixels are equal, so that equal pixels mean nothing.
    """

    row: ManifestRow
    position: float
    normal: tuple[float, float, float]
    words: Words | None
    is_even: bool


@dataclass
class Checked:
    """What a file came to."""

    problems: list[Problem] = field(default_factory=list)
    clips: list[StoredClip] = field(default_factory=list)


def check_file(task: Task) -> Checked:
    """Check a file; whatever is wrong with it, or with the machine that reads it, is a problem and no exception."""
    checked = Checked()
    with Clock(task.timeout_s) as clock:
        reader = _Reader(task, checked, clock.tick)
        try:
            reader.read()
        except TimeUpError:
            reader.add(Check.READABLE, f"took longer than {task.timeout_s:g} s")
        except DamagedFileError as error:
            reader.add(Check.READABLE, error.problem)
        except MachineError as error:
            reader.add(Check.UNCHECKED, f"this machine could not read the file: {error.problem}")
    return checked


@dataclass
class _Reader:
    task: Task
    checked: Checked
    tick: Callable[[], None]

    def add(self, check: Check, problem: str, view: str = "", index: int | None = None) -> None:
        task = self.task
        self.checked.problems.append(Problem(check, problem, task.patient, task.study, view, index))

    def read(self) -> None:
        path = study_path(self.task.store, self.task.patient, self.task.study)
        with ExitStack() as opened:
            with reading_hdf5():
                file = opened.enter_context(h5py.File(path, "r"))
            info, problems = file_attributes(file)
            version = info.get(SCHEMA)
            if version is not None and version != SCHEMA_VERSION:
                self.add(Check.SCHEMA, f"store schema {int(version)}, this software reads {SCHEMA_VERSION}")
                return
            for problem in (*problems, *value_problems(info)):
                self.add(Check.ATTRIBUTES, problem)
            with reading_hdf5():
                views, problems = members(file)
            for problem in problems:
                self.add(Check.STRUCTURE, problem)
            hashes = {view: self._view(file, view, info) for view in views}
            complete = {view: found for view, found in hashes.items() if found is not None}
            if len(complete) == len(hashes) and info.get(FILE_SHA256, study_sha256(complete)) != study_sha256(complete):
                self.add(Check.PIXELS, "SHA-256 of the file differs from its pixels'")

    def _view(self, file: h5py.File, view: View, info: Values) -> list[str] | None:
        """Check a view and note its clips; the hashes of its slices, or None where one cannot be told."""
        try:
            with reading_hdf5():
                data = file[view.value]
                problem = data_problem(data)
            if problem:
                self.add(Check.STRUCTURE, problem, view.value)
                return None
            values, problems = stack_attributes(data)
        except DamagedFileError as error:
            self.add(Check.READABLE, error.problem, view.value)
            return None
        for text in (*problems, *value_problems(values, data.shape[1])):
            self.add(Check.ATTRIBUTES, text, view.value)
        stack = _Stack(data, view.value, values, info)
        hashes = [self._slice(stack, index) for index in range(data.shape[0])]
        found = [sha256 for sha256 in hashes if sha256 is not None]
        return found if len(found) == len(hashes) else None

    def _slice(self, stack: _Stack, index: int) -> str | None:
        self.tick()
        try:
            with reading_hdf5():
                problem = chunk_problem(stack.data, index)
                pixels: npt.NDArray[Any] | None = None if problem else stack.data[index]
        except DamagedFileError as error:
            problem, pixels = f"pixels cannot be decoded: {error.problem}", None
        if pixels is None:
            self.add(Check.PIXELS, problem, stack.view, index)
            return None
        n_frames = stack.n_frames(index)
        if n_frames is None:
            return None
        if pixels[n_frames:].any():
            self.add(Check.PIXELS, "frames past n_frames are not zero", stack.view, index)
        cine = pixels[:n_frames]
        sha256 = cine_sha256(cine)
        if stack.said(index) not in (None, sha256):
            self.add(Check.PIXELS, "SHA-256 differs from that of the pixels", stack.view, index)
        self.checked.clips.append(stack.clip(self.task, index, cine, sha256))
        return sha256


@dataclass(frozen=True)
class _Stack:
    """A data set with those of its attributes that could be read."""

    data: h5py.Dataset
    view: str
    values: Values
    info: Values

    def n_frames(self, index: int) -> int | None:
        if N_FRAMES not in self.values:
            return None
        number = int(self.values[N_FRAMES][index])
        return number if 1 <= number <= self.data.shape[1] else None

    def said(self, index: int) -> str | None:
        return str(self.values[SLICE_SHA256][index]) if SLICE_SHA256 in self.values else None

    def numbers(self, attribute: Attribute, length: int) -> npt.NDArray[np.float64]:
        value = self.values.get(attribute)
        unknown = np.full(length, math.nan)
        return unknown if value is None else np.asarray(value, dtype=np.float64).reshape(-1)

    def clip(self, task: Task, index: int, cine: npt.NDArray[Any], sha256: str) -> StoredClip:
        axes = self.numbers(IMAGE_ORIENTATION, 6)
        normal = np.cross(axes[:3], axes[3:])
        positions = self.values.get(IMAGE_POSITION)
        position = math.nan if positions is None else float(np.asarray(positions[index]) @ normal)
        row_spacing, col_spacing = self.numbers(PIXEL_SPACING, 2)
        words = None
        if task.known is not None and sha256 not in task.known:
            row_mm, col_mm = row_spacing, col_spacing
            if not (math.isfinite(row_mm) and math.isfinite(col_mm) and min(row_mm, col_mm) > 0):
                row_mm = col_mm = _FIELD_OF_VIEW / max(self.data.shape[2:])
            words = fingerprint(cine, (row_mm, col_mm))
        row = ManifestRow(
            study=task.study,
            patient=task.patient,
            view=self.view,
            slice=index,
            n_frames=len(cine),
            rows=self.data.shape[2],
            cols=self.data.shape[3],
            row_spacing_mm=row_spacing,
            col_spacing_mm=col_spacing,
            slice_thickness_mm=float(self.numbers(SLICE_THICKNESS, 1)[0]),
            vendor=str(self.info.get(VENDOR, "")),
            model=str(self.info.get(MODEL, "")),
            field_strength_t=float(self.info.get(FIELD_STRENGTH, math.nan)),
            sex=str(self.info.get(SEX, "")),
            age_years=float(self.info.get(AGE, math.nan)),
            pixel_sha256=sha256,
        )
        return StoredClip(row, position, (normal[0], normal[1], normal[2]), words, bool(cine.min() == cine.max()))

"""One stored file checked from its first attribute to its last pixel: what a worker of `verify` does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the codec
import numpy as np
import numpy.typing as npt

from preprocess.store.hashes import cine_sha256, study_sha256
from preprocess.store.study_file import SCHEMA_VERSION
from preprocess.store.views import View
from preprocess.system.clock import Clock, TimeUpError
from preprocess.verification.attributes import file_attributes, stack_attributes, stack_problems
from preprocess.verification.fingerprint import Words, fingerprint
from preprocess.verification.problem import Check, Problem
from preprocess.verification.structure import chunk_problem, data_problem, members

__all__ = ["Checked", "StoredClip", "Task", "check_file"]

_DAMAGED = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError,
            NotImplementedError, SystemError)  # fmt: skip
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
        row: its line of the manifest, by column.
        position: along the plane's normal, mm; NaN where unknown.
        normal: of the plane (LPS); NaN where unknown.
        words: fingerprint, None where it was known, not asked for or cannot be made.
        is_even: all pixels are equal, so that equal pixels mean nothing.
    """

    row: dict[str, Any]
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
    """Check a file; whatever is wrong with it is a problem and never an exception."""
    checked = Checked()
    with Clock(task.timeout_s) as clock:
        reader = _Reader(task, checked, clock.tick)
        try:
            reader.read()
        except TimeUpError:
            reader.add(Check.READABLE, f"took longer than {task.timeout_s:g} s")
        except _DAMAGED as error:
            reader.add(Check.READABLE, f"damaged HDF5 ({type(error).__name__})")
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
        path = self.task.store / self.task.patient / f"{self.task.study}.h5"
        with h5py.File(path, "r") as file:
            info, problems = file_attributes(file)
            version = info.get("schema_version")
            if version is not None and version != SCHEMA_VERSION:
                self.add(Check.SCHEMA, f"store schema {int(version)}, this software reads {SCHEMA_VERSION}")
                return
            for problem in problems:
                self.add(Check.ATTRIBUTES, problem)
            views, problems = members(file)
            for problem in problems:
                self.add(Check.STRUCTURE, problem)
            hashes = {view: self._view(file, view, info) for view in views}
            self._whole(hashes, info)

    def _whole(self, hashes: dict[View, list[str] | None], info: dict[str, Any]) -> None:
        complete = {view: found for view, found in hashes.items() if found is not None}
        if len(complete) == len(hashes) and "pixel_sha256" in info and study_sha256(complete) != info["pixel_sha256"]:
            self.add(Check.PIXELS, "SHA-256 of the file differs from its pixels'")

    def _view(self, file: h5py.File, view: View, info: dict[str, Any]) -> list[str] | None:
        """Check a view and note its clips; the hashes of its slices, or None where one cannot be told."""
        try:
            data = file[view.value]
            problem = data_problem(data)
            if problem:
                self.add(Check.STRUCTURE, problem, view.value)
                return None
            values, problems = stack_attributes(data)
            for text in (*problems, *stack_problems(values, data.shape)):
                self.add(Check.ATTRIBUTES, text, view.value)
            stack = _Stack(data, view.value, values, info)
            hashes = [self._slice(stack, index) for index in range(data.shape[0])]
        except _DAMAGED as error:
            self.add(Check.READABLE, f"damaged HDF5 ({type(error).__name__})", view.value)
            return None
        found = [one for one in hashes if one is not None]
        return found if len(found) == len(hashes) else None

    def _slice(self, stack: _Stack, index: int) -> str | None:
        self.tick()
        try:
            problem = chunk_problem(stack.data, index)
            if problem:
                self.add(Check.PIXELS, problem, stack.view, index)
                return None
            pixels: npt.NDArray[Any] = stack.data[index]
        except _DAMAGED as error:
            self.add(Check.PIXELS, f"pixels cannot be decoded ({type(error).__name__})", stack.view, index)
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
    values: dict[str, Any]
    info: dict[str, Any]

    def n_frames(self, index: int) -> int | None:
        if "n_frames" not in self.values:
            return None
        number = int(self.values["n_frames"][index])
        return number if 1 <= number <= self.data.shape[1] else None

    def said(self, index: int) -> str | None:
        return str(self.values["slice_sha256"][index]) if "slice_sha256" in self.values else None

    def numbers(self, name: str, length: int) -> npt.NDArray[np.float64]:
        value = self.values.get(name)
        unknown = np.full(length, math.nan)
        return unknown if value is None else np.asarray(value, dtype=np.float64).reshape(-1)

    def clip(self, task: Task, index: int, cine: npt.NDArray[Any], sha256: str) -> StoredClip:
        axes = self.numbers("image_orientation", 6)
        normal = np.cross(axes[:3], axes[3:])
        positions = self.values.get("image_position")
        position = math.nan if positions is None else float(np.asarray(positions[index]) @ normal)
        words = None
        if task.known is not None and sha256 not in task.known:
            words = fingerprint(cine, self._believed_spacing())
        row = dict(self._row(task, index, sha256))
        return StoredClip(row, position, (normal[0], normal[1], normal[2]), words, bool(cine.min() == cine.max()))

    def _believed_spacing(self) -> tuple[float, float]:
        row, col = self.numbers("pixel_spacing", 2)
        if math.isfinite(row) and math.isfinite(col) and min(row, col) > 0:
            return row, col
        guess = _FIELD_OF_VIEW / max(self.data.shape[2:])
        return guess, guess

    def _row(self, task: Task, index: int, sha256: str) -> Iterator[tuple[str, Any]]:
        """The columns of the clip manifest."""
        row_spacing, col_spacing = self.numbers("pixel_spacing", 2)
        yield from (("study", task.study), ("patient", task.patient), ("view", self.view), ("slice", index))
        yield from (("n_frames", self.n_frames(index)), ("rows", self.data.shape[2]), ("cols", self.data.shape[3]))
        yield from (("row_spacing_mm", row_spacing), ("col_spacing_mm", col_spacing))
        yield "slice_thickness_mm", float(self.numbers("slice_thickness", 1)[0])
        yield from (("vendor", str(self.info.get("vendor", ""))), ("model", str(self.info.get("model", ""))))
        yield from (("field_strength_t", float(self.info.get("field_strength", math.nan))),)
        yield from (("sex", str(self.info.get("sex", ""))), ("age_years", float(self.info.get("age", math.nan))))
        yield "pixel_sha256", sha256

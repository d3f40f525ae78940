"""Pictures of a study: grey tiles in true proportions, contact sheets, and frames of moving ones."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from preprocess.errors import PreprocessError
from preprocess.store.intensity import grey8, stack_window
from preprocess.store.study import CineStack, Study
from preprocess.store.views import View
from preprocess.system.files import replacing

__all__ = [
    "columns_of",
    "contact_sheet",
    "cycle_frames",
    "fitted_size",
    "grey",
    "save_png",
    "slice_name",
    "tile",
    "webp",
]

Grey = npt.NDArray[np.uint8]
_INK, _FAINT, _PAPER, _GAP = 235, 150, 0, 4
_font = cache(ImageFont.load_default)
_MAX_ASPECT = 4.0  # an image that claims to be longer is shown cut to this: its spacing is wrong


def grey(stack: CineStack) -> Grey:
    """A stack in 8 bits `[slice, frame, row, col]`: as it is, or 16 bits through the window that training uses."""
    window = stack_window(stack)
    shown = np.empty(stack.pixels.shape, np.uint8)
    for index, cine in enumerate(stack.pixels):
        shown[index] = grey8(cine, window)
    return shown


def fitted_size(shape: tuple[int, ...], spacing: tuple[float, float], side: int) -> tuple[int, int]:
    """Width and height of an image `[…, row, col]` in a square of `side` pixels, in the body's proportions."""
    height, width = (float(n * mm) for n, mm in zip(shape[-2:], spacing, strict=True))
    if not (math.isfinite(height) and math.isfinite(width) and min(height, width) > 0):
        height, width = float(shape[-2]), float(shape[-1])
    longest = max(height, width)
    shortest = max(min(height, width), longest / _MAX_ASPECT)
    small = max(1, round(side * shortest / longest))
    return (side, small) if width >= height else (small, side)


def tile(frame: Grey, spacing: tuple[float, float], side: int) -> Image.Image:
    """A frame `[row, col]` in the middle of a black square."""
    size = fitted_size(frame.shape, spacing, side)
    picture = Image.new("L", (side, side), 0)
    place = ((side - size[0]) // 2, (side - size[1]) // 2)
    picture.paste(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC), place)
    return picture


def slice_name(view: View, index: int, n_slices: int) -> str:
    """What a slice is called: `4CH`, `SAX 1/10 base`, `SAX 10/10 apex`."""
    if n_slices == 1:
        return view.value
    end = {0: " base", n_slices - 1: " apex"}.get(index, "") if view is View.SAX else ""
    return f"{view.value} {index + 1}/{n_slices}{end}"


def columns_of(n_frames: int, n_columns: int) -> list[int]:
    """The frames that a row of a contact sheet shows: all if they fit, else evenly spaced over the cycle."""
    if n_frames <= n_columns:
        return list(range(n_frames))
    return [index * n_frames // n_columns for index in range(n_columns)]


@dataclass(frozen=True)
class _Layout:
    side: int
    left: int
    top: int

    def place(self, row: int, column: int) -> tuple[int, int]:
        return self.left + column * (self.side + _GAP), self.top + row * (self.side + _GAP)


def contact_sheet(study: Study, *, n_columns: int = 10, side: int = 128) -> Image.Image:
    """One picture of a whole study: a row per view and slice (SAX from base to apex), a column per phase.

    Args:
        study: with pixels.
        n_columns: phases of a row, evenly spaced where a cine has more.
        side: of a tile, in pixels.
    """
    rows = [(view, index) for view in View if view in study.views for index in range(len(study.views[view].pixels))]
    layout = _Layout(side, 112, 24)
    width, height = layout.place(len(rows), n_columns)
    sheet = Image.new("L", (width - _GAP, height - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (6, 5), f"Study {study.study}: frame number and trigger time", 12, _FAINT)
    shown = {view: grey(stack) for view, stack in study.views.items()}
    for row, (view, index) in enumerate(rows):
        stack, n_frames = study.views[view], int(study.views[view].n_frames[index])
        _, y = layout.place(row, 0)
        _write(draw, (6, y + 6), slice_name(view, index, len(shown[view])), 13)
        _write(draw, (6, y + 25), f"{n_frames} frames", 11, _FAINT)
        for column, frame in enumerate(columns_of(n_frames, n_columns)):
            place = layout.place(row, column)
            sheet.paste(tile(shown[view][index, frame], stack.pixel_spacing, side), place)
            time = float(stack.trigger_time[index, frame])
            label = f"{frame + 1}: {time:.0f} ms" if math.isfinite(time) else str(frame + 1)
            _write(draw, (place[0] + 4, place[1] + 3), label, 10)
    return sheet


def cycle_frames(stack: CineStack, view: View, *, side: int = 256) -> Iterator[Grey]:
    """One heart beat, all slices side by side: frames `[row, col]` of even size.

    As many frames as the longest slice has; slices with fewer frames show the one nearest in phase.

    Args:
        stack: with pixels.
        view: for the labels.
        side: of a tile; a single slice gets twice that.
    """
    shown = grey(stack)
    n_slices = len(shown)
    side = 2 * side if n_slices == 1 else side
    # A grid with few empty places, wider than high but not by far.
    choices = [columns for columns in range(1, n_slices + 1) if 1 <= columns / math.ceil(n_slices / columns) <= 3]
    across = min(choices, key=lambda columns: (-n_slices % columns, columns))
    down = math.ceil(n_slices / across)
    length = int(stack.n_frames.max())
    for step in range(length):
        canvas = Image.new("L", (across * side, down * side), 0)
        draw = ImageDraw.Draw(canvas)
        for index in range(n_slices):
            place = (index % across * side, index // across * side)
            canvas.paste(
                tile(shown[index, step * int(stack.n_frames[index]) // length], stack.pixel_spacing, side), place
            )
            _write(draw, (place[0] + 6, place[1] + 4), slice_name(view, index, n_slices), 13)
        yield np.asarray(canvas)


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, ink: int = _INK) -> None:
    """Text that can be read on bright and dark ground."""
    draw.text(place, text, fill=ink, font=_font(size), stroke_width=1, stroke_fill=0)


def webp(picture: Image.Image, quality: int = 70) -> bytes:
    """A picture as WebP, without metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def save_png(path: Path, picture: Image.Image) -> None:
    """Write a PNG without metadata.

    Raises:
        PreprocessError: it cannot be written.
    """
    try:
        with replacing(path) as temporary:
            picture.save(temporary, "PNG")
    except OSError as error:
        raise PreprocessError(f"cannot write {path}: {error.strerror}", "choose another --out") from None

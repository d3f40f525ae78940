"""A perceptual fingerprint of a cine: 256 bits that stay alike when the same scan is exported in another way.

The bits are signs of low spatial frequencies (after the pHash of pictures) of two images that do not depend on the
phase at which a cine begins nor on its number of frames: the mean over time, and the motion (size of the first two
harmonics of the cycle). Both are sampled on a grid in mm around the middle of the motion, so that pixel size and
borders of the picture do not matter; a sign does not depend on the intensity window. Mirroring and quarter turns
permute and flip bits exactly, so that the other seven ways to show a picture need no second look at the pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

__all__ = ["N_BITS", "N_ORIENTATIONS", "N_WORDS", "VERSION", "fingerprint", "hamming", "orientations"]

VERSION = 1  # raise it when the same pixels give other bits
N_BITS, N_WORDS, N_ORIENTATIONS = 256, 4, 8

Words = npt.NDArray[np.uint64]
_Floats = npt.NDArray[np.float32]

_STEP = 2.5  # mm, of the grid on which everything is measured
_GRID = 64  # nodes: a field of 160 mm, of which a round window fades out the border
_SUPPORT = 0.1  # share of the largest motion above which something moves
_CAP = 0.1  # motion counts up to this share above it, so that brightness does not pull the middle
_REACH = 90.0  # mm; standard deviation of the window in which the middle of the motion is searched
_ROUNDS = 12
_LEAST_MOTION = 1e-4  # of the brightest value; above what float32 rounds
_LEAST_SIDE = 20.0  # mm; smaller pictures have no fingerprint
_MAX_NODES = 1 << 21  # of the grid over the whole picture; a spacing that asks for more is not believed


def _frequencies() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The 128 rows and columns (u, v) of each spectrum: a ring that is symmetric in u and v, by rising radius."""
    pairs = [(u * u + v * v, u, v) for u in range(14) for v in range(14) if 4 <= u * u + v * v <= 162]
    off = sorted(pair for pair in pairs if pair[1] != pair[2])
    diagonal = sorted(pair for pair in pairs if pair[1] == pair[2])
    chosen = off[:120] + diagonal[:8]  # 120 is even and equal radii come in mirrored pairs
    return np.array([u for _, u, _ in chosen]), np.array([v for _, _, v in chosen])


_U, _V = _frequencies()


def fingerprint(cine: npt.NDArray[Any], spacing: tuple[float, float]) -> Words | None:
    """The fingerprint of a cine.

    Args:
        cine: `[frame, row, col]`, any real type, without padding.
        spacing: distance of rows and of columns in mm.

    Returns:
        `[4]` words of 64 bits, or None where nothing can be told: fewer than three frames, nothing that moves, or
        less than 20 mm to see.
    """
    sides = np.array(cine.shape[1:]) * spacing
    if len(cine) < 3 or sides.min() < _LEAST_SIDE or sides.prod() / _STEP**2 > _MAX_NODES:
        return None
    mean, motion = _images(cine, spacing)
    if not motion.max() > _LEAST_MOTION * np.abs(mean).max():
        return None
    # The middle of what moves, in nodes: a mean that is repeated under a window around itself.
    smooth = ndimage.gaussian_filter(motion, 1.5)
    weight = np.clip(smooth / smooth.max() - _SUPPORT, 0, _CAP).astype(np.float64)
    row, col = np.arange(weight.shape[0]), np.arange(weight.shape[1])
    along, across = weight.sum(1), weight.sum(0)
    y, x = along @ row / along.sum(), across @ col / across.sum()
    for _ in range(_ROUNDS):
        by_row = np.exp(-0.5 * ((row - y) * _STEP / _REACH) ** 2)
        by_col = np.exp(-0.5 * ((col - x) * _STEP / _REACH) ** 2)
        along, across = (weight @ by_col) * by_row, (by_row @ weight) * by_col
        y, x = along @ row / along.sum(), across @ col / across.sum()
    # A round window around it; what lies outside of the picture counts as its mean.
    axis = np.arange(_GRID) - (_GRID - 1) / 2
    row, col = float(y) + axis, float(x) + axis
    radius = np.hypot(axis[:, None], axis[None, :]) / (_GRID / 2)
    window = np.where(radius < 1, np.cos(np.pi / 2 * radius) ** 2, 0.0)
    window *= ((row >= -0.5) & (row <= motion.shape[0] - 0.5))[:, None]
    window *= ((col >= -0.5) & (col <= motion.shape[1] - 0.5))[None, :]
    nodes = np.meshgrid(row, col, indexing="ij")
    signs = []
    for image in (mean, motion):
        values = ndimage.map_coordinates(image, nodes, order=1, mode="nearest")
        level = (values * window).sum() / window.sum()
        signs.append(fft.dctn((values - level) * window)[_U, _V] > 0)
    return _packed(np.concatenate(signs))


def _images(cine: npt.NDArray[Any], spacing: tuple[float, float]) -> tuple[_Floats, _Floats]:
    """Mean over time and motion on a grid of `_STEP` mm over the whole picture, both `[row, col]`."""
    n_frames, rows, cols = cine.shape
    angle = 2 * np.pi * np.arange(n_frames) / n_frames
    waves = [np.ones(n_frames) / 2, np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)]
    base = (np.array(waves) * 2 / n_frames).astype(np.float32)
    flat = base @ cine.reshape(n_frames, rows * cols).astype(np.float32)
    sigma = [0.7 * _STEP / pixel for pixel in spacing]
    axes = []
    for n_pixels, pixel in zip((rows, cols), spacing, strict=True):  # nodes in pixels, centred on the picture
        count = max(2, int(n_pixels * pixel // _STEP))
        steps = np.arange(count, dtype=np.float64) - (count - 1) / 2
        axes.append(steps * (_STEP / pixel) + (n_pixels - 1) / 2)
    nodes = np.meshgrid(*axes, indexing="ij")
    images = [
        ndimage.map_coordinates(ndimage.gaussian_filter(image, sigma), nodes, order=1, mode="nearest")
        for image in flat.reshape(-1, rows, cols)
    ]
    motion = np.sqrt(np.sum(np.square(images[1:]), axis=0))
    return images[0], motion


def _packed(bits: npt.NDArray[np.bool_]) -> Words:
    """`[…, 256]` bits as `[…, 4]` words."""
    words: Words = np.ascontiguousarray(np.packbits(bits, axis=-1)).view(np.uint64)
    return words


def orientations(words: Words) -> Words:
    """The fingerprints of the eight ways to show a picture: `[…, 4]` words to `[8, …, 4]`, the picture itself first.

    The second half is transposed; within a half: as is, columns mirrored, rows mirrored, both.
    """
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=-1).astype(bool)
    place = {(u, v): index for index, (u, v) in enumerate(zip(_U.tolist(), _V.tolist(), strict=True))}
    swap = np.array([place[v, u] for u, v in zip(_U.tolist(), _V.tolist(), strict=True)])
    swapped = bits[..., np.concatenate([swap, swap + len(swap)])]
    flips = [np.tile(flip % 2 == 1, 2) for flip in (0 * _U, _V, _U, _U + _V)]
    return np.stack([_packed(half ^ flip) for half in (bits, swapped) for flip in flips])


def hamming(a: Words, b: Words) -> npt.NDArray[np.int64]:
    """Number of different bits `[…]` of fingerprints `[…, 4]`, by broadcasting."""
    different = np.bitwise_xor(a, b)
    if hasattr(np, "bitwise_count"):
        counts: npt.NDArray[np.int64] = np.bitwise_count(different).sum(axis=-1, dtype=np.int64)
        return counts
    table = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)  # numpy 1
    octets = np.ascontiguousarray(different).view(np.uint8)
    old: npt.NDArray[np.int64] = table[octets].sum(axis=-1, dtype=np.int64)
    return old

"""Image planes: where an operator would put them, with a scanner's geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats
from preprocess.phantom.anatomy.pose import Pose, rotation
from preprocess.store.views import View

__all__ = ["Plane", "ScanGrid", "long_axis_plane", "orthogonal_planes", "right_ventricular_plane", "short_axis_stack"]

# Septal-side direction of each long-axis plane in the short axis (0° lateral, 90° anterior, 180° septal) and the
# angle of the apex above the image's horizontal.
_LONG_AXIS = {View.CH4: (192.0, 24.0), View.CH3: (128.0, -28.0), View.CH2: (90.0, -20.0)}


@dataclass(frozen=True)
class ScanGrid:
    """The pixel raster of a series: matrix, pixel edge (mm) and slice thickness (mm)."""

    rows: int
    columns: int
    spacing: float
    thickness: float


@dataclass(frozen=True)
class Plane:
    """One slice: its middle (LPS, mm) and the directions in which columns (`row`) and rows (`column`) advance."""

    centre: Floats
    row: Floats
    column: Floats
    grid: ScanGrid

    @property
    def normal(self) -> Floats:
        """Row × column, pointing away from the viewer, [3]."""
        return np.cross(self.row, self.column)

    @property
    def position(self) -> Floats:
        """Middle of the first pixel, as in ImagePositionPatient, [3] mm."""
        grid = self.grid
        half_row, half_column = (grid.columns - 1) / 2, (grid.rows - 1) / 2
        return self.centre - grid.spacing * (half_row * self.row + half_column * self.column)

    def points(self) -> Floats:
        """Middle of every pixel in row-major order, [H·W, 3] mm (LPS)."""
        j = np.arange(self.grid.columns)[None, :, None] * self.grid.spacing
        i = np.arange(self.grid.rows)[:, None, None] * self.grid.spacing
        return np.asarray(self.position + j * self.row + i * self.column).reshape(-1, 3)


def _tilt(rng: np.random.Generator, degrees: float) -> Floats:
    """A rotation by at most `degrees` about a random axis: the operator's error."""
    return rotation(rng.standard_normal(3), float(rng.uniform(-degrees, degrees)))


def _along_axis(pose: Pose, toward: float, apex_angle: float) -> Floats:
    """Directions [3, 2] of image columns and rows for a plane through the long axis."""
    septal, rise = np.deg2rad(toward), np.deg2rad(apex_angle)
    side = np.array([np.cos(septal), np.sin(septal), 0.0])
    apex = np.array([0.0, 0.0, 1.0])
    row = np.cos(rise) * apex - np.sin(rise) * side
    column = -np.sin(rise) * apex - np.cos(rise) * side
    return np.stack([pose.axes @ row, pose.axes @ column], axis=1)


def long_axis_plane(view: View, pose: Pose, length: float, grid: ScanGrid, rng: np.random.Generator) -> Plane:
    """A 4CH, 3CH or 2CH plane with an operator's error of at most ±5° and ±4 mm.

    Args:
        view: Which long-axis view.
        pose: Where the heart lies.
        length: Mitral plane to epicardial apex, mm.
        grid: Pixel raster.
        rng: Source of the operator's error.
    """
    toward, rise = _LONG_AXIS[view]
    directions = _tilt(rng, 5.0) @ _along_axis(pose, toward, rise + float(rng.uniform(-6, 6)))
    middle = np.array([-12.0 if view is View.CH4 else 0.0, 0.0, 0.22 * length])
    error = pose.axes @ rng.uniform(-4, 4, 3) * np.sqrt(1 / 3)
    wander = directions @ rng.uniform(-8, 8, 2)
    centre = pose.to_patient(middle[None])[0] + error + wander
    return Plane(centre, directions[:, 0], directions[:, 1], grid)


def right_ventricular_plane(pose: Pose, length: float, grid: ScanGrid, rng: np.random.Generator) -> Plane:
    """A long axis through the right ventricle only: parallel to the left one, beside the septum."""
    directions = _tilt(rng, 5.0) @ _along_axis(pose, 100.0, -20.0 + float(rng.uniform(-6, 6)))
    middle = np.array([-48.0, 0.0, 0.3 * length])
    return Plane(pose.to_patient(middle[None])[0], directions[:, 0], directions[:, 1], grid)


def short_axis_stack(pose: Pose, length: float, grid: ScanGrid, rng: np.random.Generator) -> tuple[Plane, ...]:
    """Seven to ten parallel short-axis slices, base first, 8 to 10 mm apart.

    The image shows the septum on its left and the anterior wall at its top, seen from the apex.
    """
    first = float(rng.uniform(1.0, 6.0))
    reach = length - first - 5.0
    n_slices = int(np.clip(np.ceil(reach / 9.5) + 1, 7, 10))
    step = float(np.clip(reach / (n_slices - 1), 8.0, 10.0))
    tilt = _tilt(rng, 5.0)
    turn = rotation(pose.axes[:, 2], float(rng.uniform(-6, 6)))
    row, column = tilt @ turn @ pose.axes[:, 0], tilt @ turn @ -pose.axes[:, 1]
    centre = pose.to_patient(np.array([[-14.0, 0.0, first]]))[0]
    centre = centre + row * float(rng.uniform(-6, 6)) + column * float(rng.uniform(-6, 6))
    down = -np.cross(row, column)
    return tuple(Plane(centre + index * step * down, row, column, grid) for index in range(n_slices))


def orthogonal_planes(pose: Pose, grid: ScanGrid) -> tuple[Plane, ...]:
    """An axial, a sagittal and a coronal plane through the heart, as a scout has."""
    centre = pose.to_patient(np.array([[-15.0, 0.0, 30.0]]))[0]
    left, back, down = np.eye(3)[0], np.eye(3)[1], -np.eye(3)[2]
    return tuple(Plane(centre, row, column, grid) for row, column in ((left, back), (back, down), (left, down)))

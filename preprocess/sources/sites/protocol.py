"""What the conversion and the labels ask of a public data set: one class in one module, and a line in the registry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from preprocess.cines.pixels import Bits
from preprocess.dicom.frame import Frame
from preprocess.sources.sites.identity import Identity
from preprocess.store.study import CineStack
from preprocess.store.views import View

__all__ = ["Aside", "LabelOption", "LabelRow", "Site", "SiteLabels", "SiteVolume"]

_AXES = {View.CH4: "four-chamber", View.CH3: "three-chamber", View.CH2: "two-chamber", View.SAX: "short axis"}


@dataclass(frozen=True)
class Aside:
    """Why a file that lies beside the images holds none of them.

    Attributes:
        reason: for the ledger; holds nothing of the file's name.
        is_manifest: the file lists what its archive or folder should hold, see `Site.missing`.
    """

    reason: str
    is_manifest: bool = False


@dataclass(frozen=True)
class SiteVolume:
    """A volume as a stack, and what the ledger says of it."""

    stack: CineStack
    reason: str


@dataclass(frozen=True)
class LabelOption:
    """How `cmr-preprocess labels` takes a data set's own tables: as `--<name of the data set> PATH`.

    Attributes:
        metavar: what stands for the path in the help, such as `CSV`.
        help: a line for the help.
        is_repeatable: the option may be given several times.
    """

    metavar: str
    help: str
    is_repeatable: bool = False


@dataclass(frozen=True)
class LabelRow:
    """What a data set states about one study.

    Attributes:
        patient: as in the `Identity` of its images.
        study: as in the `Identity` of its images.
        stated: the words of the table; blank where it says nothing. Tells a repeated row from a contradicting one.
        values: text for each target, empty where unknown.
        reason: why there are none; empty where all is well. Holds nothing of the row.
    """

    patient: str
    study: str
    stated: str
    values: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class SiteLabels:
    """The labels of a data set.

    Attributes:
        targets: columns of the label file; numbers with units in the name, else 0 and 1.
        rows: what is stated, in the order of the tables.
        strangers: for each row that names no study of the data set, why it does not.
    """

    targets: tuple[str, ...]
    rows: tuple[LabelRow, ...]
    strangers: tuple[str, ...] = ()


class Site(Protocol):
    """A public data set whose file names say whose images they hold. Inherit from it; only `identify` is a must.

    Sites have no state: they are sent to the workers of a conversion.

    Attributes:
        name: a word of small letters and digits, such as `acdc`; names the option of `cmr-preprocess labels`.
        title: what people call it.
        files: what its images are called, to help a user whose labels match no study.
        label_option: how its tables of labels are given; None where there are none.
    """

    name: str
    title: str
    files: str
    label_option: LabelOption | None = None

    def identify(self, path: PurePath) -> Identity | None:
        """The patient and study that a path names; None where it is none of this data set's.

        Patients of all data sets share one name space: put the data set's name in front of mere numbers.

        Args:
            path: of an archive, of a folder, or of a file in one as `archive path / member name`.
        """
        ...

    def aside(self, path: PurePath) -> Aside | None:
        """What a file is that lies beside the images (a manifest, a segmentation, a text); None for any other.

        It comes before `identify`: a mask that is named like a volume is never taken for one.
        """
        return None

    def missing(self, manifest: bytes, present: Collection[str]) -> Mapping[str, int]:
        """How many files a manifest lists that are not there, by reason.

        Args:
            manifest: content of a file that is set aside as a manifest.
            present: names of all files of the archive or folder, with or without folders.

        Raises:
            PreprocessError: it is no such manifest.
        """
        return {}

    def volume_view(self, path: PurePath) -> View | None:
        """The view that an identified file shows if it is a volume; None where it is DICOM."""
        return None

    def read_volume(self, data: bytes, view: View, bits: Bits) -> SiteVolume:
        """Read a volume; unless a data set says otherwise it is NIfTI-1, see `preprocess.sources.nifti.volume`.

        Args:
            data: the whole file.
            view: from `volume_view`.
            bits: as for DICOM: 8 maps the robust window to 0–255, 16 keeps stored integers.

        Raises:
            PreprocessError: not such a file, damaged, of absurd size, or no cine.
        """
        from preprocess.sources.nifti.volume import is_short_axis, read_stack  # imports nibabel

        stack = read_stack(data, bits)
        what = f"file name: {self.title} {_AXES[view]}"
        if view is not View.SAX:
            return SiteVolume(stack, what)
        known = "slices from base to apex"
        unknown = "slices as in the file, its affine does not tell base from apex"
        return SiteVolume(stack, f"{what}; {known if is_short_axis(stack.image_orientation) else unknown}")

    def frames(self, path: PurePath, frames: list[Frame]) -> list[Frame]:
        """The frames of an identified DICOM file with what the file's name tells better than its header."""
        return frames

    def labels(self, paths: Sequence[Path]) -> SiteLabels:
        """Read the labels; asked for only where there is a `label_option`.

        Args:
            paths: files or folders that the user named.

        Raises:
            PreprocessError: a path holds no such labels.
        """
        return SiteLabels((), ())

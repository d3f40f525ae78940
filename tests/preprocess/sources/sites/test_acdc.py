"""Which files of the ACDC data set are volumes, and which lie beside them."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from preprocess.sources.sites.acdc import Acdc


@pytest.mark.parametrize(
    ("name", "volume_", "side_file"),
    [
        ("patient001_4d.nii.gz", True, False),
        ("training/patient001/patient001_4d.nii", True, False),
        ("patient001_frame01.nii.gz", False, True),
        ("patient001/patient001_frame12_gt.nii.gz", False, True),
        ("Info.cfg", False, True),
        ("database/testing/patient101/Info.cfg", False, True),
        ("hospital/Info.cfg", False, False),
        ("database/MANDATORY_CITATION.md", False, True),
        ("README.md", False, False),
        ("patient001_frame01.dcm", False, False),
        ("IM0001", False, False),
        ("", False, False),
    ],
)
def test_names_of_volumes_and_of_what_lies_beside_them(name: str, volume_: bool, side_file: bool) -> None:
    path, site = PurePath(name), Acdc()
    assert (site.identify(path) is not None, site.aside(path) is not None) == (volume_, side_file)

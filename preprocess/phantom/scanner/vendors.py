"""Three ways in which a hospital names, numbers and stores its series; the hospitals are invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from preprocess.store.views import View

__all__ = ["STYLES", "Decoy", "FileNames", "InstanceOrder", "NameScheme", "VendorStyle"]


class Decoy(str, Enum):
    """Series that a cine pipeline must leave out."""

    SCOUT = "scout"
    LATE_ENHANCEMENT = "late_enhancement"
    RV_CINE = "rv_cine"
    PERFUSION = "perfusion"
    T1_MAP = "t1_map"
    FLOW = "flow"


class FileNames(Enum):
    """How the files of a series are called; names never tell the order reliably."""

    UID = "uid"  # <SOP instance UID>.dcm, in no order
    BARE = "bare"  # I0001 without extension, shuffled
    NUMBERED = "numbered"  # IM-0003-0012.dcm by instance number


class InstanceOrder(Enum):
    """What InstanceNumber counts first within a series of several slices."""

    FRAMES_FIRST = "frames_first"
    SLICES_FIRST = "slices_first"


@dataclass(frozen=True)
class NameScheme:
    """Series names; a short-axis name that holds `{}` means one series for each slice."""

    views: Mapping[View, str]
    decoys: Mapping[Decoy, tuple[str, ...]]

    @property
    def one_series_per_slice(self) -> bool:
        """Whether each short-axis slice is a series of its own."""
        return "{}" in self.views[View.SAX]


@dataclass(frozen=True)
class VendorStyle:
    """A fictional hospital with one scanner family.

    Attributes:
        key: Short name in `truth.csv`.
        manufacturer: As in the DICOM tag.
        models: Scanner models, one for each patient.
        field_strengths: In tesla.
        institution: Invented.
        rows, columns: Matrix.
        spacing: Range of the pixel edge, mm.
        thickness: Slice thickness, mm.
        n_frames: Frames of a cine.
        full_scale: Stored value of a signal of 1.
        rescale_slope: RescaleSlope, or None where the vendor writes none.
        trigger_decimals: Decimals of TriggerTime.
        trigger_delay: First TriggerTime, ms.
        file_names, instance_order: See there.
        schemes: Naming habits of this hospital, one for each patient.
    """

    key: str
    manufacturer: str
    models: tuple[str, ...]
    field_strengths: tuple[str, ...]
    institution: str
    rows: int
    columns: int
    spacing: tuple[float, float]
    thickness: float
    n_frames: int
    full_scale: float
    rescale_slope: float | None
    trigger_decimals: int
    trigger_delay: float
    file_names: FileNames
    instance_order: InstanceOrder
    schemes: tuple[NameScheme, ...]


def _views(ch4: str, ch3: str, ch2: str, sax: str) -> dict[View, str]:
    return {View.CH4: ch4, View.CH3: ch3, View.CH2: ch2, View.SAX: sax}


_SIEMENS_DECOYS = {
    Decoy.SCOUT: ("localizer", "3plane_loc_haste"),
    Decoy.LATE_ENHANCEMENT: ("SAX_DE_PSIR", "de_tfi_psir_sax"),
    Decoy.RV_CINE: ("cine_tf2d_rvot", "cine_tf2d_rv_3ch"),
    Decoy.PERFUSION: ("PERF_SAX_rest", "MP_SAX"),
    Decoy.T1_MAP: ("ShMOLLI_192i_SAX_b2s", "T1map_MOLLI_SAX_mid"),
    Decoy.FLOW: ("flow_250_tp_AoV_bh", "PC_flow_Ao_v150"),
}
_PHILIPS_DECOYS = {
    Decoy.SCOUT: ("Survey_3PL", "WH_survey"),
    Decoy.LATE_ENHANCEMENT: ("SAX_DE_PSIR", "PSIR_TFE_BH_SAX"),
    Decoy.RV_CINE: ("RVOT_bFFE_BH", "RV2CH_bFFE_BH"),
    Decoy.PERFUSION: ("MP_SAX", "PERF_sTFE_dyn"),
    Decoy.T1_MAP: ("T1_MOLLI_SAX", "MOLLI_SAX_post"),
    Decoy.FLOW: ("QFLOW_BH_Ao", "QFLOW_BH_PA"),
}
_GE_DECOYS = {
    Decoy.SCOUT: ("3PL_SSFSE_LOC", "3PL_FIESTA_LOC_BH"),
    Decoy.LATE_ENHANCEMENT: ("SAX_DE_PSIR", "SAX_IrP-FGRE_TI=260"),
    Decoy.RV_CINE: ("RV3CH_FIESTA_BH", "RVOT_FIESTA_BH", "RV2CH_FIESTA_BH"),
    Decoy.PERFUSION: ("MP_SAX", "PERF_FGRE-ET_SAX"),
    Decoy.T1_MAP: ("SAX_MOLLI_ARC_PRE_BH", "MOLLI_SAX_MOLLI_ARC_POST_BH"),
    Decoy.FLOW: ("Ao_FastPC_V=250_BH", "PA_PC_v=250_BH"),
}

STYLES: tuple[VendorStyle, ...] = (
    VendorStyle(
        key="siemens",
        manufacturer="SIEMENS",
        models=("Aera", "Avanto", "Skyra"),
        field_strengths=("1.5", "1.5", "3"),
        institution="Klinikum Lindenau",
        rows=128,
        columns=112,
        spacing=(2.25, 2.5),
        thickness=8.0,
        n_frames=25,
        full_scale=480.0,
        rescale_slope=None,
        trigger_decimals=1,
        trigger_delay=12.5,
        file_names=FileNames.UID,
        instance_order=InstanceOrder.FRAMES_FIRST,
        schemes=(
            NameScheme(
                _views("CINE_segmented_LAX_4Ch", "CINE_segmented_LAX_3Ch", "CINE_segmented_LAX_2Ch",
                       "CINE_segmented_SAX_b{}"), _SIEMENS_DECOYS,
            ),
            NameScheme(
                _views("cine_tf2d_4ch", "cine_tf2d_3ch", "cine_tf2d_2ch", "cine_tf2d_sax"), _SIEMENS_DECOYS
            ),
        ),
    ),
    VendorStyle(
        key="philips",
        manufacturer="Philips Medical Systems",
        models=("Achieva", "Ingenia", "Ingenia"),
        field_strengths=("1.5", "1.5", "3"),
        institution="Sankt Maren Sykehus",
        rows=128,
        columns=128,
        spacing=(2.1, 2.4),
        thickness=8.0,
        n_frames=30,
        full_scale=1800.0,
        rescale_slope=1.3721611721612,
        trigger_decimals=3,
        trigger_delay=0.0,
        file_names=FileNames.BARE,
        instance_order=InstanceOrder.SLICES_FIRST,
        schemes=(
            NameScheme(_views("bFFE_BH_4CH", "bFFE_BH_3CH", "bFFE_BH_2CH", "bFFE_BH_SAX"), _PHILIPS_DECOYS),
            NameScheme(
                _views("sBTFE_BH_4CH", "sBTFE_BH_3CH", "sBTFE_BH_2CH", "sBTFE_BH_SA_stack"), _PHILIPS_DECOYS
            ),
        ),
    ),
    VendorStyle(
        key="ge",
        manufacturer="GE MEDICAL SYSTEMS",
        models=("Signa HDxt", "DISCOVERY MR450", "SIGNA Artist"),
        field_strengths=("1.5", "1.5", "1.5"),
        institution="Harbour Valley Medical Center",
        rows=144,
        columns=120,
        spacing=(2.0, 2.25),
        thickness=8.0,
        n_frames=20,
        full_scale=240.0,
        rescale_slope=None,
        trigger_decimals=0,
        trigger_delay=9.0,
        file_names=FileNames.NUMBERED,
        instance_order=InstanceOrder.FRAMES_FIRST,
        schemes=(
            NameScheme(_views("4CH_FIESTA_BH", "3CH_FIESTA_BH", "2CH_FIESTA_BH", "SAX_FIESTA_BH"), _GE_DECOYS),
            NameScheme(
                _views("4CH_FIESTA_BH", "VLAX_(LV3CH)_FIESTA_BH", "LV2CH_FIESTA_BH", "SAX_FIESTA_BH_Asset"),
                _GE_DECOYS,
            ),
        ),
    ),
)  # fmt: skip

"""The DICOM headers of the phantom: what a scanner writes, invented identifiers included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from preprocess.phantom.anatomy.arrays import Floats, Signal
from preprocess.phantom.patients import PhantomPatient, PhantomStudy
from preprocess.phantom.scanner.dicom import MR_IMAGE_STORAGE, Value, make_uid
from preprocess.phantom.scanner.positioning import Plane
from preprocess.phantom.scanner.protocol_plan import SeriesPlan
from preprocess.phantom.scanner.vendors import InstanceOrder, VendorStyle

__all__ = ["Headers", "quantise", "study_uid"]

_PHYSICIANS = ("Hoffmann^Eva", "Nilsen^Kari", "Carter^James", "Bianchi^Luca")
_FIRST_HOUR = 7


def _decimals(values: Iterable[float], places: int = 6) -> str:
    """A decimal string; several values are joined by backslashes."""
    return "\\".join(f"{value:.{places}f}" for value in values)


def _clock(minutes: int) -> str:
    """A time of day as DICOM writes it."""
    return f"{minutes // 60 % 24:02d}{minutes % 60:02d}00"


def study_uid(study: PhantomStudy) -> str:
    """StudyInstanceUID."""
    return make_uid("study", *study.seed)


@dataclass(frozen=True)
class Headers:
    """Headers of one series."""

    patient: PhantomPatient
    study: PhantomStudy
    plan: SeriesPlan

    @property
    def series_uid(self) -> str:
        """SeriesInstanceUID."""
        return make_uid("series", *self.study.seed, self.plan.number)

    @property
    def _beat(self) -> float:
        """Length of a beat, ms."""
        return 60000.0 / self.study.heart_rate

    def shared(self) -> dict[str, Value]:
        """What all files of the series have in common."""
        grid = self.plan.planes[0].grid
        values: dict[str, Value] = {
            **self._who(),
            **self._acquisition(),
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": grid.rows,
            "Columns": grid.columns,
            "PixelSpacing": f"{grid.spacing:.4f}\\{grid.spacing:.4f}",
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
        }
        slope = self.patient.vendor.rescale_slope
        if slope is not None:
            values |= {"RescaleIntercept": "0", "RescaleSlope": f"{slope:.13f}", "RescaleType": "normalized"}
        return values

    def _who(self) -> dict[str, Value]:
        """Patient and visit; all of it must be gone after de-identification."""
        patient, study = self.patient, self.study
        day = study.day.strftime("%Y%m%d")
        start = 60 * (_FIRST_HOUR + study.seed[1] % 9) + study.seed[1] * 7 % 60
        time = _clock(start + 2 * (self.plan.number // (100 if self.plan.number > 100 else 1)))
        return {
            "SpecificCharacterSet": "ISO_IR 100",
            "SOPClassUID": MR_IMAGE_STORAGE,
            "StudyDate": day,
            "SeriesDate": day,
            "AcquisitionDate": day,
            "ContentDate": day,
            "StudyTime": _clock(start),
            "SeriesTime": time,
            "AcquisitionTime": time,
            "AccessionNumber": study.accession,
            "InstitutionName": patient.vendor.institution,
            "ReferringPhysicianName": _PHYSICIANS[study.seed[1] % len(_PHYSICIANS)],
            "StudyDescription": "Cardiac MRI",
            "PatientName": patient.name,
            "PatientID": patient.patient_id,
            "PatientBirthDate": patient.born.strftime("%Y%m%d"),
            "PatientSex": patient.sex,
            "PatientAge": f"{study.age:03d}Y",
            "PatientSize": f"{patient.height / 100:.2f}",
            "PatientWeight": f"{patient.weight:.1f}",
            "ImageComments": "simulated by the cmr-clip phantom",
            "StudyInstanceUID": study_uid(study),
            "SeriesInstanceUID": self.series_uid,
            "FrameOfReferenceUID": make_uid("frame", *study.seed),
            "StudyID": str(1 + study.seed[1]),
        }

    def _acquisition(self) -> dict[str, Value]:
        """The scanner, and how it made the series."""
        style, model = self.patient.vendor, self.study.model
        plan, how, grid = self.plan, self.plan.technique, self.plan.planes[0].grid
        values: dict[str, Value] = {
            "Modality": "MR",
            "Manufacturer": style.manufacturer,
            "ManufacturerModelName": style.models[model],
            "StationName": f"MR{model + 1}{style.key.upper()[:3]}",
            "DeviceSerialNumber": str(40000 + 137 * model),
            "SoftwareVersions": "phantom 1",
            "MagneticFieldStrength": style.field_strengths[model],
            "PatientPosition": "HFS",
            "ImageType": "ORIGINAL\\PRIMARY\\M",
            "SeriesNumber": str(plan.number),
            "SeriesDescription": plan.description,
            "ProtocolName": plan.description,
            "BodyPartExamined": "HEART",
            "ScanningSequence": how.sequence,
            "SequenceVariant": how.variant,
            "MRAcquisitionType": "2D",
            "RepetitionTime": how.repetition,
            "EchoTime": how.echo,
            "FlipAngle": how.flip,
            "SliceThickness": f"{grid.thickness:g}",
            "HeartRate": str(self.study.heart_rate),
            "NominalInterval": str(round(self._beat)),
        }
        if style.manufacturer == "SIEMENS":  # the others keep it in private elements
            values["SequenceName"] = how.name
        if len(plan.planes) > 1:
            gap = plan.planes[1].centre - plan.planes[0].centre
            values["SpacingBetweenSlices"] = f"{abs(float(gap @ plan.planes[0].normal)) or grid.thickness:.4f}"
        if plan.gated:
            values["CardiacNumberOfImages"] = str(len(plan.phases))
        return values

    def slice(self, index: int, plane: Plane) -> dict[str, Value]:
        """What the files of one slice have in common."""
        along = float(plane.centre @ plane.normal)
        return {
            "ImagePositionPatient": _decimals(plane.position),
            "ImageOrientationPatient": _decimals((*plane.row, *plane.column), 9),
            "SliceLocation": f"{along:.4f}",
            "AcquisitionNumber": str(index + 1),
        }

    def instance(self, index: int, frame: int) -> int:
        """InstanceNumber of a frame of a slice."""
        if self.patient.vendor.instance_order is InstanceOrder.SLICES_FIRST:
            return frame * len(self.plan.planes) + index + 1
        return index * len(self.plan.phases) + frame + 1

    def frame(self, index: int, frame: int, pixels: Signal) -> dict[str, Value]:
        """What one file has alone: identity, time and pixels [H, W]."""
        instance = self.instance(index, frame)
        values: dict[str, Value] = {
            "SOPInstanceUID": make_uid("image", *self.study.seed, self.plan.number, instance),
            "InstanceNumber": str(instance),
            "SmallestImagePixelValue": int(pixels.min()),
            "LargestImagePixelValue": int(pixels.max()),
            "WindowCenter": str(int(pixels.max()) // 2),
            "WindowWidth": str(int(pixels.max()) or 1),
            "PixelData": pixels.tobytes(),
        }
        if self.plan.gated:  # as exact as the vendor writes it
            style = self.patient.vendor
            trigger = style.trigger_delay + self.plan.phases[frame] * self._beat
            values["TriggerTime"] = f"{trigger:.{style.trigger_decimals}f}"
        elif len(self.plan.phases) > 1:
            values["TemporalPositionIdentifier"] = str(frame + 1)
        return values


def quantise(signal: Floats, style: VendorStyle) -> Signal:
    """Signals [T, H, W] as stored values: 12 bits, full scale as the vendor has it."""
    return np.asarray(np.clip(signal * np.float32(style.full_scale) + np.float32(0.5), 0, 4095).astype("<u2"))

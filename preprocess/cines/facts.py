"""The technical facts of a study that may leave the hospital: a whitelist, each value forced into a safe form."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date

from preprocess.dicom.frame import Frame
from preprocess.store.study import StudyInfo

__all__ = ["VENDORS", "safe_age", "safe_model", "study_info"]

VENDORS = {
    "siemens": "SIEMENS",
    "philips": "Philips",
    "ge": "GE",
    "general electric": "GE",
    "gems": "GE",
    "canon": "Canon",
    "toshiba": "Canon",
    "united imaging": "UIH",
    "uih": "UIH",
}
_MODEL_WORDS = re.compile(
    r"(MAGNETOM|Aera|Altea|Amira|Area|Avanto|Avanto_fit|Biograph_mMR|Cima\.?X|Espree|Essenza|Free\.?Max|Harmony|Lumina"
    r"|Prisma|Prisma_fit|Sempra|Skyra|Skyra_fit|Sola|Sola_fit|Sonata|SonataVision|Spectra|Symphony|SymphonyTim|Terra"
    r"|TrioTim|Trio|Verio|Vida|Vida_fit|Viato|Achieva|Ambition|Elition|Evolution|Gyroscan|Ingenia|Intera|MR|Multiva"
    r"|dStream|Panorama|SmartPath|to|SIGNA|Signa|Artist|Architect|Creator|DISCOVERY|Discovery|EXCITE|Excite|Explorer"
    r"|GENESIS_SIGNA|HDe|HDx|HDxt|Hero|OPTIMA|Optima|Pioneer|Premier|Victor|Voyager|Vantage|Titan|Galan|Orian|Centurian"
    r"|Elan|Fortian|uMR|Omega|Jupiter|XT|XL|XR|Plus|X|S|CX|[0-9]{3}w?|[0-9]\.[0-9]T|[0-9]T|3\.0T?|1\.5T?)"
)


def study_info(images: Sequence[Frame], keep_age_sex: bool = True) -> StudyInfo:
    """Facts of a study; each is taken from the first file that states it, in the order of the facts themselves.

    Args:
        images: all frames of the study.
        keep_age_sex: False leaves sex and age empty.
    """
    ordered = sorted({image.facts for image in images})
    columns = [next((value for value in column if value), "") for column in zip(*ordered, strict=True)]
    vendor, model, field, sex, age, birth, day = columns
    known = (own for name, own in VENDORS.items() if re.search(rf"\b{name}\b", vendor.lower()))
    return StudyInfo(
        vendor=next(known, "other" if vendor else ""),
        model=safe_model(model),
        field_strength=_field_strength(field),
        sex=sex.upper() if keep_age_sex and sex.upper() in ("F", "M", "O") else "",
        age=safe_age(age, birth, day) if keep_age_sex else math.nan,
    )


def safe_model(value: str) -> str:
    """The model where each of its words is one that scanners are called by; otherwise empty, it may be a name.

    Args:
        value: ManufacturerModelName.
    """
    words = re.split(r"[\s,]+", value.strip())
    return " ".join(words) if value and all(_MODEL_WORDS.fullmatch(word) for word in words) else ""


def _field_strength(value: str) -> float:
    try:
        tesla = float(value)
    except ValueError:
        return math.nan
    if tesla > 100:  # some write gauss
        tesla /= 10_000
    return round(tesla, 2) if 0 < tesla < 20 else math.nan


def safe_age(age: str, birth: str, day: str) -> float:
    """Age in years, NaN where unknown; everything above 89 is 90, as one who is that old could be recognised by it.

    Args:
        age: PatientAge, such as `045Y`.
        birth: PatientBirthDate, used where there is no age.
        day: date of the examination.
    """
    match = re.fullmatch(r"(\d{1,5})([DWMY])", age.upper())
    if match:
        years = math.floor(int(match[1]) / {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}[match[2]])
    else:
        born, scanned = _date(birth), _date(day)
        if born is None or scanned is None or scanned < born:
            return math.nan
        years = scanned.year - born.year - ((scanned.month, scanned.day) < (born.month, born.day))
    return float(min(years, 90))


def _date(value: str) -> date | None:
    match = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", value)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None

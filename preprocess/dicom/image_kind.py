"""Which part of the signal an MR image shows: only the magnitude of a scan without flow encoding can be a cine."""

from __future__ import annotations

from typing import Literal

__all__ = ["FLOW", "Component", "component_of", "flow_or_part", "image_type"]

FLOW = "phase contrast (flow)"
Component = Literal["magnitude", "phase", "part"]
_PHASE_WORDS = {"P", "PHASE", "PHASE MAP", "VELOCITY", "VELOCITY MAP", "FLOW_ENCODED"}
_FLOW_WORDS = {"M_PCA", "PCA", "PHASE CONTRAST", "PHASE_CONTRAST", "PHASE CONTRAST M", "MAG_PCA"}
_PART_WORDS = {"R", "I", "R_FFE", "I_FFE", "REAL", "IMAGINARY"}


def image_type(value: str) -> tuple[str, ...]:
    """The parts of an ImageType or FrameType, in capitals."""
    return tuple(part.strip() for part in value.upper().split("\\"))


def component_of(words: tuple[str, ...]) -> Component:
    """What part of the complex signal an image type names; the magnitude if it says nothing."""
    if any(word in _PHASE_WORDS for word in words):
        return "phase"
    return "part" if any(word in _PART_WORDS for word in words[2:]) else "magnitude"


def flow_or_part(words: tuple[str, ...], phase_contrast: str, component: str) -> str:
    """Why an image is no cine by its kind of signal; empty where it may be one.

    Args:
        words: of the image type.
        phase_contrast: `YES` where flow was encoded, also for the magnitude.
        component: MAGNITUDE, PHASE, REAL, IMAGINARY or MIXED.
    """
    is_flow = phase_contrast.upper() == "YES" or component.upper() == "PHASE" or not _FLOW_WORDS.isdisjoint(words)
    if is_flow or component_of(words) == "phase":
        return f"image type: {FLOW}"
    is_part = component.upper() in ("REAL", "IMAGINARY") or component_of(words) == "part"
    return "image type: real or imaginary part" if is_part else ""

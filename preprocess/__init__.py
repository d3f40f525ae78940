"""From DICOM archives and reports to a de-identified training store (imports no torch)."""

__version__ = "0.4.0"

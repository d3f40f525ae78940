"""The phantom's scanner: planes, rendering, vendors and DICOM."""

"""From the bytes of a DICOM file to frames: headers, functional groups, compressed pixels."""

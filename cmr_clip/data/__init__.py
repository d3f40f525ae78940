"""From the study store to batches: workers hand over uint8 clips, the device does the rest."""

"""NIfTI-1 volumes: header, window, and the order of a scanner's images."""

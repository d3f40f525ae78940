"""Files and pictures that training leaves behind."""

"""Video-text pretraining and attention-MIL heads for cardiac MRI."""

__version__ = "0.3.0"

"""Files and pictures that training leaves behind."""

from cmr_clip.training.callbacks.history import HistoryFile
from cmr_clip.training.callbacks.predictions import MetricsFile, PredictionTables
from cmr_clip.training.callbacks.throughput import Throughput

__all__ = ["HistoryFile", "MetricsFile", "PredictionTables", "Throughput"]

"""Files and pictures that training leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from cmr_clip.training.callbacks.history import HistoryFile as HistoryFile
    from cmr_clip.training.callbacks.predictions import MetricsFile as MetricsFile
    from cmr_clip.training.callbacks.predictions import PredictionTables as PredictionTables
    from cmr_clip.training.callbacks.preemption import ResumeOptions as ResumeOptions
    from cmr_clip.training.callbacks.preemption import ResumePoints as ResumePoints
    from cmr_clip.training.callbacks.progress import ProgressLines as ProgressLines
    from cmr_clip.training.callbacks.progress import TrainingProgress as TrainingProgress
    from cmr_clip.training.callbacks.throughput import Throughput as Throughput
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        history="HistoryFile",
        predictions="MetricsFile PredictionTables",
        preemption="ResumeOptions ResumePoints",
        progress="ProgressLines TrainingProgress",
        throughput="Throughput",
    )

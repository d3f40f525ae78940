"""Errors a user can mend, for the training side."""

from __future__ import annotations

from preprocess.errors import MendableError

__all__ = ["CheckpointMismatchError", "CmrClipError", "ConfigurationError"]


class CmrClipError(MendableError):
    """Bad input to training or exploration: one line that names the field and the remedy."""


class CheckpointMismatchError(CmrClipError):
    """A checkpoint that belongs to another model."""


class ConfigurationError(CmrClipError):
    """A configuration with an unknown field or an impossible value; the command ends with exit code 2."""

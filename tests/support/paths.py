"""Where the checkout and what lies beside it are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CONFIGS", "ROOT", "SHARED"]

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
SHARED = ROOT.parent / "shared"

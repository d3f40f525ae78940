"""A SLURM for the session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, why_not


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A real SLURM of one node, or skip."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as root:  # short: sockets have short names
        cluster = Cluster(Path(root))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()

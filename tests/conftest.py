"""Fixtures that several folders of tests use."""

from __future__ import annotations

import pytest

from tests.support.cohort import Cohort, make_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """A small store that a model can learn from; read only."""
    return make_cohort(tmp_path_factory.mktemp("cohort"))

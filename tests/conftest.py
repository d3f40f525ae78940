"""Fixtures that several folders of tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.cohort import Cohort, make_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """A small store that a model can learn from; read only."""
    return make_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser whose page must neither complain nor ask for anything but files."""
    opened = Browser(tmp_path / "profile")
    try:
        opened.attach()
        yield opened
    finally:
        opened.close()
    assert opened.complaints == []
    assert all(address.startswith(("file:", "data:")) for address in opened.requests)

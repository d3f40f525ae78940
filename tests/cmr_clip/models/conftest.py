"""The head that tests add: registered, and trained beside a number and a finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmr_clip.cli import main
from cmr_clip.models.head_registry import registered_head
from tests.support.cohort import Cohort
from tests.support.group_head import GroupHead, group_recipe, label_file


@pytest.fixture
def group_is_known() -> Iterator[None]:
    """The head is registered during the test."""
    with registered_head(GroupHead):
        yield


@pytest.fixture(scope="session")
def group_run(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with three heads."""
    root = tmp_path_factory.mktemp("three") / "run"
    root.mkdir()
    with registered_head(GroupHead):
        assert main(["fit", *group_recipe(root, cohort, label_file(root / "labels.csv", cohort))]) == 0
    return root

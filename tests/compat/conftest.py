"""Files of version 0.3, made once per session by the code of that version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.make_files_of_0_3 import COMMIT
from tests.support.paths import ROOT


def _tree_of_0_3(folder: Path) -> Path:
    """The files of the commit, unpacked."""
    try:
        packed = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip(f"git is not installed: version 0.3 (commit {COMMIT}) cannot be unpacked")
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode().strip()
        pytest.skip(f"commit {COMMIT} is not in this clone (git fetch --unshallow brings it): {reason}")
    subprocess.run(["tar", "-x"], cwd=folder, input=packed, check=True)
    return folder


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make_files_of_0_3.py` wrote with the code of commit 997d2d0; read only."""
    tree = _tree_of_0_3(tmp_path_factory.mktemp("tree_of_0_3"))
    shutil.copy(ROOT / "tests" / "support" / "make_files_of_0_3.py", tree / "make_files.py")
    folder = tmp_path_factory.mktemp("files_of_0_3")
    made = subprocess.run(
        [sys.executable, "make_files.py", str(folder)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, f"the code of {COMMIT} failed:\n{made.stdout[-2000:]}\n{made.stderr[-4000:]}"
    return folder


@pytest.fixture
def expected(old: Path) -> Iterator[dict]:
    """What the old code read and computed, with as many threads as it had."""
    content = torch.load(old / "expected.pt", weights_only=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(content["threads"])
    yield content
    torch.set_num_threads(threads)

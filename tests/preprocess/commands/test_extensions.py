"""Modules from outside that register kinds, named by a variable, in a process of their own as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SITE = """
from preprocess.sources import LabelOption, Site, register_site

class Mine(Site):
    name, title, files = "mine", "My data", "volumes"
    label_option = LabelOption("CSV", "table of mine")

    def identify(self, path):
        return None

register_site(Mine())
"""


def run(folder: Path, program: str, *arguments: str, extensions: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "CMR_CLIP_EXTENSIONS": extensions}
    command = [sys.executable, "-m", program, *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def test_a_data_set_of_the_users_own_is_an_option_of_labels(tmp_path: Path) -> None:
    (tmp_path / "my_site.py").write_text(SITE)
    assert "--mine" in run(tmp_path, "preprocess", "labels", "--help", extensions="my_site").stdout
    assert "--mine" not in run(tmp_path, "preprocess", "labels", "--help", extensions="").stdout


@pytest.mark.parametrize(("program", "command"), [("preprocess", "splits"), ("cmr_clip", "configs")])
def test_a_module_that_is_not_there_is_one_line(program: str, command: str, tmp_path: Path) -> None:
    done = run(tmp_path, program, command, extensions="no_such_module, ")
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "CMR_CLIP_EXTENSIONS names the extension no_such_module, and there is no such module" in line


def test_a_module_that_lacks_something_itself_says_what(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import what_it_needs\n")
    done = run(tmp_path, "preprocess", "splits", "--store", "s", "--out", "o", extensions="broken")
    assert "No module named 'what_it_needs'" in done.stderr


def test_help_imports_no_extension(tmp_path: Path) -> None:
    assert run(tmp_path, "preprocess", "--help", extensions="no_such_module").returncode == 0

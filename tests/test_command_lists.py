"""The lists of commands are shown at once: `--help` imports no command, a command's own help imports it alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

HEAVY = {"numpy", "pandas", "h5py", "pydicom", "rich", "scipy", "torch", "pytorch_lightning"}
_MODULES = """
import json, sys
sys.argv = ["program", *{words!r}]
from {package}.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def modules_after(package: str, *words: str) -> set[str]:
    """The modules that a command line imported in a fresh process."""
    code = _MODULES.format(package=package, words=list(words))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "usage:" in done.stdout
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("package", ["preprocess", "cmr_clip"])
def test_the_list_of_commands_imports_none_of_them(package: str) -> None:
    modules = modules_after(package, "--help")
    assert not modules & HEAVY
    commands = {name for name in modules if name.startswith(f"{package}.commands.")}
    assert commands <= {"preprocess.commands.registry"}


@pytest.mark.parametrize(
    ("package", "command"), [("preprocess", "views"), ("preprocess", "import-legacy"), ("cmr_clip", "zero-shot")]
)
def test_the_help_of_a_command_imports_that_command_alone(package: str, command: str) -> None:
    shared = {"registry", "console", "options", "store_options", "table_options"}
    found = {name.rpartition(".")[2] for name in modules_after(package, command, "--help") if ".commands." in name}
    assert found - shared == {command.replace("-", "_")}


@pytest.mark.parametrize("package", ["preprocess", "cmr_clip"])
def test_an_unknown_command_is_refused_with_the_list(package: str) -> None:
    command = [sys.executable, "-m", package, "convertt"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "convertt" in done.stderr and ("'convert'" in done.stderr or "'embed'" in done.stderr)

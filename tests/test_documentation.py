"""The commands that the documentation shows exist and take the options that it gives them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cmr_clip import cli as training
from preprocess import cli as preprocessing
from tests.support.paths import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def commands(page: Path) -> list[list[str]]:
    """Command lines in the code blocks of a page."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [
        shlex.split(line, comments=True) for line in lines if line.strip().startswith(("cmr-preprocess ", "cmr-clip "))
    ]


def test_the_documentation_shows_commands() -> None:
    assert len(commands(ROOT / "README.md")) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_parses(page: Path) -> None:
    for program, *arguments in commands(page):
        if any(word in {"…", "..."} for word in arguments):
            continue
        if program == "cmr-preprocess":
            assert preprocessing.build_parser().parse_args(arguments).run
        elif arguments[0] in ("fit", "validate", "test", "predict"):
            config = arguments[arguments.index("--config") + 1]
            assert (ROOT / config).is_file() or config.startswith("my_")  # what a user writes
        else:
            assert training.build_parser().parse_args(arguments).run


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "configs" / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_help_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    for module in (training, preprocessing):
        parser = module.build_parser()
        (commands_of,) = [action for action in parser._actions if hasattr(action, "choices") and action.choices]
        for name, command in commands_of.choices.items():
            if name in ("fit", "validate", "test", "predict"):
                continue
            command.load()
            assert command.description, name
            for action in command._actions:
                assert action.help, f"{name} {action.option_strings}"


@pytest.mark.parametrize("package", ["preprocess", "cmr_clip"])
def test_help_imports_nothing_heavy(package: str) -> None:
    """Not a timed test: what takes the time is what is imported."""
    code = f"""
import sys
from {package}.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {{"numpy", "pandas", "h5py", "pydicom", "pyarrow", "torch", "rich", "pytorch_lightning"}}
print("HEAVY", *sorted(heavy & set(sys.modules)))
print("COMMANDS", *sorted(name for name in sys.modules if name.startswith("{package}.commands.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, commands_imported = done.stdout.splitlines()[-2:]
    assert heavy == "HEAVY"
    assert set(commands_imported.split()[1:]) <= {"preprocess.commands.registry"}


def test_a_command_imports_no_other_command() -> None:
    code = """
import sys
from preprocess.cli import build_parser
build_parser().parse_args(["splits", "--store", "s", "--out", "o"])
print(*sorted(name for name in sys.modules if name.startswith("preprocess.commands.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {"simulate", "convert", "verify", "qc", "inspect", "reports", "labels", "views", "import_legacy"}
    assert not {f"preprocess.commands.{name}" for name in others} & set(done.stdout.split())

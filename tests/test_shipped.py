"""The package brings its configurations and job scripts along, and copies them without replacing anybody's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_clip.cli import main
from cmr_clip.demo.plan import DemoPlan
from cmr_clip.shipped import copy_shipped, shipped_files
from tests.support.paths import ROOT


def test_the_shipped_files_are_those_at_the_top_of_the_tree() -> None:
    files = [path for name in ("configs", "slurm") for path in (ROOT / name).rglob("*") if path.is_file()]
    assert shipped_files() == sorted(path.relative_to(ROOT) for path in files)
    assert len(files) > 10


def test_a_copy_is_complete_and_changed_files_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs", "--copy", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for name in shipped_files():
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
        assert str(name) in said.replace("\n", "")
    assert "cmr-clip check --config" in said
    assert copy_shipped(tmp_path) == []

    site = tmp_path / "configs" / "site.yaml"
    site.write_text("data: {init_args: {store: /mine}}\n")
    (tmp_path / "slurm" / "launch.sh").unlink()
    assert main(["configs", "--copy", str(tmp_path)]) == 1
    assert "site.yaml" in capsys.readouterr().err
    assert "/mine" in site.read_text() and not (tmp_path / "slurm" / "launch.sh").exists()
    assert main(["configs", "--copy", str(tmp_path), "--overwrite"]) == 0
    assert site.read_bytes() == (ROOT / "configs" / "site.yaml").read_bytes()
    assert (tmp_path / "slurm" / "launch.sh").exists()


def test_without_a_folder_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["configs"]) == 0
    assert "configs/pretrain/shad.yaml" in capsys.readouterr().out


def test_the_demo_finds_its_configurations_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pretrain.yaml", "lvef.yaml"):
        assert (DemoPlan().configs / name).is_file()
    copy_shipped(tmp_path)
    assert DemoPlan().configs == Path("configs/demo")


def test_a_configuration_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", str(tmp_path / "configs" / "demo" / "lvef.yaml")]) == 2
    assert "cmr-clip configs --copy ." in capsys.readouterr().err


def test_without_the_training_libraries_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cmr_clip.cli.find_spec", lambda name: None)
    for command in ("fit", "check", "embed", "demo"):
        assert main([command]) == 1
        expected = f"cmr-clip: error: cmr-clip {command} needs torch (pip install 'cmr-clip[train]')\n"
        assert capsys.readouterr().err == expected
    assert main(["fit", "--help"]) == 1  # LightningCLI makes it
    with pytest.raises(SystemExit, match="0"):
        main(["embed", "--help"])
    assert main(["configs"]) == 0

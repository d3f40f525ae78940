"""A recipe is its bases plus what differs; it means what version 0.3 meant, and its mistakes are one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cmr_clip.cli import main
from cmr_clip.errors import ConfigurationError
from cmr_clip.training import parse_only
from cmr_clip.training.moved_names import MOVED
from cmr_clip.training.recipes import config_files, with_bases
from tests.support.paths import CONFIGS

OF_0_3 = Path(__file__).parent / "of_0_3"
RECIPES = [path for path in sorted(CONFIGS.rglob("*.yaml")) if path.parent.name not in ("base", "probes", "configs")]


def resolved(*files: Path) -> Any:
    """Every field of `fit` with the classes' bare names, so that places do not count."""
    arguments = [word for file in files for word in ("--config", str(file))]
    config = parse_only(["fit", *arguments]).config["fit"].as_dict()
    del config["config"], config["base"]
    return bare(config)


def bare(value: Any) -> Any:
    match value:
        case dict():
            return {k: str(v).rpartition(".")[2] if k == "class_path" else bare(v) for k, v in value.items()}
        case list():
            return [bare(item) for item in value]
        case _:
            return value


def file_of_0_3(recipe: Path) -> Path:
    return OF_0_3 / f"{recipe.parent.name}_{recipe.name}"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recipe_is_short_and_begins_with_its_command(recipe: Path) -> None:
    lines = recipe.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 30
    name = f"configs/{recipe.parent.name}/{recipe.name}"
    assert re.match(rf"# (cmr-clip fit|sbatch slurm/pretrain\.sbatch) --config {re.escape(name)}\b", lines[0])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recipe_means_what_it_meant_in_0_3(recipe: Path, tmp_path: Path) -> None:
    text = file_of_0_3(recipe).read_text(encoding="utf-8")
    for old, new in MOVED.items():
        text = text.replace(old, new)
    (tmp_path / "old.yaml").write_text(text)
    assert resolved(recipe) == resolved(tmp_path / "old.yaml")


def test_the_bases_can_be_given_by_hand() -> None:
    bases = [CONFIGS / "base" / "pretrain.yaml", CONFIGS / "base" / "four_gpus.yaml", CONFIGS / "site.yaml"]
    recipe = CONFIGS / "pretrain" / "shad.yaml"
    arguments = [word for file in [*bases, recipe] for word in ("--config", str(file))]
    assert with_bases(arguments) == arguments
    assert with_bases(["--config", str(recipe)]) == arguments
    assert resolved(*bases, recipe) == resolved(recipe)


def test_a_site_file_given_last_wins(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("data: {init_args: {store: /archive/store}}\n")
    data = resolved(CONFIGS / "pretrain" / "shad.yaml", tmp_path / "mine.yaml")["data"]["init_args"]
    assert [str(data[name]) for name in ("store", "splits")] == ["/archive/store", "data/splits.csv"]


def test_a_file_that_several_name_is_read_once_and_before_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, bases in {"a": [], "b": ["../a.yaml"], "c": ["../a.yaml", "b.yaml"]}.items():
        place = tmp_path if name == "a" else tmp_path / "deep"
        (place / f"{name}.yaml").write_text(yaml.safe_dump({"base": bases}))
    recipe, other = tmp_path / "deep" / "c.yaml", tmp_path / "other.yaml"
    other.write_text("seed_everything: 1\n")
    arguments = with_bases(["--data", "x", f"--config={recipe}", "-c", str(other)])
    assert arguments[:2] == ["--data", "x"]
    assert [Path(file).name for file in config_files(arguments)] == ["a.yaml", "b.yaml", "c.yaml", "other.yaml"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("base: nowhere.yaml", ["recipe.yaml", "nowhere.yaml is missing", "starts at the file"]),
        ("base: [recipe.yaml]", ["recipe.yaml", "circle"]),
        ("base: other.yaml", ["recipe.yaml", "other.yaml", "circle"]),
        ("base: {a: 1}", ["recipe.yaml", "name a file or a list of files"]),
        ("base: [1]", ["recipe.yaml", "name a file or a list of files"]),
        *((f"base: {value}", ["recipe.yaml", "name a file or a list of files"]) for value in ("false", "0", "{}")),
        ("base: broken.yaml", ["broken.yaml is not YAML (line 2, column 1)"]),
        ("base: latin.yaml", ["latin.yaml is not UTF-8"]),
        ("base: empty.yaml", ["empty.yaml is empty"]),
        ("base: list.yaml", ["list.yaml holds no fields"]),
        ("a: [1", ["recipe.yaml is not YAML"]),
        ("- a", ["recipe.yaml holds no fields"]),
    ],
)
def test_a_wrong_base_is_one_line(
    content: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(content)
    (tmp_path / "other.yaml").write_text("base: recipe.yaml")
    files = {"broken": b"a: [1\n", "latin": "name: Müller".encode("latin-1"), "empty": b"# nothing\n", "list": b"- a\n"}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_bytes(text)
    assert main(["fit", "--config", str(tmp_path / "recipe.yaml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in words)


def test_the_recipe_of_the_documentation_parses(tmp_path: Path) -> None:
    text = re.search(r"```yaml\n(.*?)```", (CONFIGS / "README.md").read_text(encoding="utf-8"), re.S)
    assert text is not None
    (tmp_path / "own.yaml").write_text(text[1].replace("configs/", f"{CONFIGS}/"), encoding="utf-8")
    assert resolved(tmp_path / "own.yaml")["model"]["init_args"]["heads"][0]["init_args"]["target"] == "amyloid"


def test_a_base_belongs_in_a_file() -> None:
    with pytest.raises(ConfigurationError, match="on the command line give --config"):
        with_bases(["--base", "base.yaml"])


@pytest.mark.parametrize("value", ["{base: base.yaml, trainer: {max_epochs: 2}}", "nowhere", "nowhere.json", "[1]"])
def test_what_is_no_file_is_settings_without_a_base(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", value]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ("--config in front" if "base" in value else f"no configuration {value}") in line
    settings = "{trainer: {max_epochs: 2}}"
    assert with_bases(["--config", settings]) == ["--config", settings]


def test_a_link_to_a_recipe_means_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "base.yaml").write_text("seed_everything: 1\n")
    (tmp_path / "real" / "recipe.yaml").write_text("base: ../base.yaml\n")
    for link, target in (("elsewhere/linked.yaml", "real/recipe.yaml"), ("elsewhere/folder", "real")):
        (tmp_path / link).symlink_to(tmp_path / target)
    for recipe in ("elsewhere/linked.yaml", "elsewhere/folder/recipe.yaml"):
        base, given = config_files(with_bases(["--config", str(tmp_path / recipe)]))
        assert Path(base).samefile(tmp_path / "base.yaml")
        assert given == str(tmp_path / recipe)

"""Weights out: exported folders hold everything, load as they were, and name no place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cmr_clip import load_contrastive, load_pretrained, load_study_model
from cmr_clip.cli import main
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.models.heads import BinaryHead, RegressionHead
from cmr_clip.weights.exporting.tokenizer_files import public_source
from preprocess.reports.tokenizer import load_tokenizer
from tests.support.cohort import TOKENIZER
from tests.support.exports import described_pair, export_folder
from tests.support.study_models import save_ours, trained
from tests.support.weights import authors_state, contrastive_model, random_clips, save, save_contrastive


def test_both_towers_go_out_and_come_back_with_their_tokenizer(tmp_path: Path, vocabulary: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt", str(vocabulary))
    out = export_folder(path, tmp_path / "out")
    assert {p.name for p in out.iterdir()} == {
        "model.safetensors",
        "config.json",
        "preprocessing.json",
        "README.md",
        "tokenizer",
    }
    before, after = load_contrastive(path), load_contrastive(out)
    tokens = torch.randint(1, 50, (2, 6))
    mask = torch.ones(2, 6, dtype=torch.bool)
    for one, other in zip(
        before.model.pair(random_clips(2, channels=1), tokens, mask),
        after.model.pair(random_clips(2, channels=1), tokens, mask),
        strict=True,
    ):
        assert torch.equal(one, other)
    assert before.preprocessing == after.preprocessing
    assert load_tokenizer(after.tokenizer).sha256 == load_tokenizer(str(vocabulary)).sha256
    said = json.loads((out / "preprocessing.json").read_text())["tokenizer"]
    assert said == {"source": "our-bert", "sha256": load_tokenizer(str(vocabulary)).sha256}
    video, receipt = load_pretrained(out)
    assert (receipt.origin, receipt.unexpected, receipt.missing) == ("exported", (), ())
    assert torch.equal(video(random_clips(3, channels=1)), load_pretrained(path)[0](random_clips(3, channels=1)))
    again = export_folder(out, tmp_path / "again")  # an export of an export is the same
    for name in ("model.safetensors", "preprocessing.json", "config.json", "README.md"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_nothing_names_a_place_or_who_exported(tmp_path: Path, vocabulary: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt", str(vocabulary))
    out = export_folder(path, tmp_path / "out", licence="mit", notes="Trained on **simulated** studies.")
    for file in out.rglob("*"):
        if file.is_file():
            assert b"doctor" not in file.read_bytes(), file
            assert str(tmp_path).encode() not in file.read_bytes(), file
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    assert "Trained on **simulated** studies." in card
    assert public_source("microsoft/bert") == "microsoft/bert"


@pytest.mark.slow
def test_a_packaged_tokenizer_keeps_its_public_name(tmp_path: Path) -> None:
    model = contrastive_model()
    model.text_encoder = BertTextEncoder(TOKENIZER, 6, random_weights=True)
    model.text_proj = torch.nn.Linear(384, 24)
    out = export_folder(save_contrastive(tmp_path / "pair.ckpt", model), tmp_path / "out")
    said = json.loads((out / "preprocessing.json").read_text())["tokenizer"]
    assert said == {"source": TOKENIZER, "sha256": load_tokenizer(TOKENIZER).sha256}
    assert load_tokenizer(load_contrastive(out).tokenizer).sha256 == said["sha256"]


def test_fine_tuned_models_go_out_with_their_heads(tmp_path: Path) -> None:
    heads = [RegressionHead("lvef_percent"), BinaryHead("dilated")]
    path = save_ours(
        tmp_path / "ours.ckpt", trained(heads), heads=[head.description() for head in heads], views=["SAX"]
    )
    out = export_folder(path, tmp_path / "out")
    before, after = load_study_model(path)[0], load_study_model(out)[0]
    for target, result in after.results(random_clips(3, channels=1)).items():
        assert torch.equal(result.score, before.results(random_clips(3, channels=1))[target].score)
        assert torch.equal(result.attention, before.results(random_clips(3, channels=1))[target].attention)
    said = json.loads((out / "preprocessing.json").read_text())
    assert (said["labels"], said["views"], said["tokenizer"]) == (["lvef_percent", "dilated"], ["SAX"], None)
    card = (out / "README.md").read_text()
    assert "`lvef_percent` of a study: 100 × logit" in card
    assert "`dilated` of a study: a probability" in card


def test_converted_weights_of_the_authors_keep_their_preprocessing_and_licence(tmp_path: Path) -> None:
    path = save(tmp_path / "tuned.ckpt", authors_state(head=True), hyper_parameters={"target": "HCM"})
    out = export_folder(path, tmp_path / "out")
    model, _ = load_study_model(out)
    three = random_clips(3, channels=1).expand(-1, 3, -1, -1, -1)
    before, _ = load_study_model(path)
    assert torch.equal(model(three).score, before(three).score)
    assert model.preprocessing == before.preprocessing
    assert (model.preprocessing.mean, model.preprocessing.averaging) == (0.45 / 255, False)
    assert (model.targets, model.video_encoder.config["pool_norm_eps"]) == (("HCM",), 1e-5)
    assert "license: cc-by-nc-4.0" in (out / "README.md").read_text()


@pytest.mark.slow
def test_legacy_positional_embeddings_are_exported_and_said(tmp_path: Path) -> None:
    path = save(tmp_path / "contrastive.ckpt", authors_state())
    positions = [f"cls_positional_encoding.pos_embed_{axis}" for axis in ("spatial", "temporal")]
    encoder = {name.removeprefix("model.video_encoder."): v for name, v in authors_state().items() if "encoder" in name}
    torch.save({"model_state": {**encoder, **{name: encoder[name] + 1 for name in positions}}}, tmp_path / "k.pyth")
    out = tmp_path / "out"
    arguments = ["export", "--checkpoint", str(path), "--out", str(out)]
    assert main([*arguments, "--legacy-positional-embeddings", str(tmp_path / "k.pyth")]) == 0
    state = load_pretrained(out)[0].video_encoder.state_dict()
    assert all(torch.equal(state[name], encoder[name] + (name in positions)) for name in state)
    assert "are those of the Kinetics-400 file" in (out / "README.md").read_text()
    assert (out / "model.safetensors").stat().st_mode & 0o777 == 0o644


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = described_pair(tmp_path / "pair.ckpt")
    (tmp_path / "notes.md").write_text("From nowhere.")
    out = tmp_path / "out"
    arguments = ["export", "--checkpoint", str(path), "--out", str(out), "--notes", str(tmp_path / "notes.md")]
    assert main([*arguments, "--licence", "apache-2.0"]) == 0
    assert "From nowhere." in (out / "README.md").read_text()
    assert "license: apache-2.0" in (out / "README.md").read_text()
    assert main([*arguments[:-1], str(tmp_path / "none.md")]) == 1
    assert "--notes" in capsys.readouterr().err
    assert main([*arguments, "--legacy-positional-embeddings", str(path)]) == 1
    assert "for the authors' contrastive checkpoint" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stranger_loads_a_folder_in_a_process_without_lightning(tmp_path: Path) -> None:
    out = export_folder(described_pair(tmp_path / "pair.ckpt"), tmp_path / "out")
    code = (
        "import sys; sys.modules['pytorch_lightning'] = None\n"
        "import torch; from cmr_clip import from_pretrained\n"
        f"print(tuple(from_pretrained({str(out)!r})(torch.zeros(2, 3, 4, 32, 32)).shape))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "(2, 24)"

"""Weights out: exported folders hold everything, load as they were, and are refused when something does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cmr_clip import from_pretrained, load_contrastive, load_pretrained, load_study_model
from cmr_clip.cli import main
from cmr_clip.encoders.bert import BertTextEncoder
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.heads import BinaryHead, RegressionHead
from cmr_clip.weights.exporting.export import export_weights
from cmr_clip.weights.exporting.tokenizer_files import public_source
from cmr_clip.weights.hub import fetch
from cmr_clip.weights.sources import read_source
from preprocess.reports.tokenizer import load_tokenizer
from tests.support.cohort import TOKENIZER
from tests.support.study_models import save_ours, trained
from tests.support.weights import SMALL, authors_state, contrastive_model, our_description, save, save_contrastive

ABSENT = "./absent-bert"  # a folder that is not there; a hub name would be looked for on the network
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dilated", "ventricle", "##s", "normal"]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """A tokenizer in somebody's home, whose settings name places."""
    folder = tmp_path / "home" / "doctor" / "our-bert"
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "name_or_path": str(folder)}))
    return folder


def described_pair(path: Path, source: str = ABSENT) -> Path:
    model = contrastive_model()
    model.text_encoder.source = source
    return save_contrastive(path, model)


def clips(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 1, *SMALL, generator=torch.Generator().manual_seed(1))


def export(path: Path, out: Path, **more: str) -> Path:
    export_weights(read_source(path), out, **more)
    return out


def test_both_towers_go_out_and_come_back_with_their_tokenizer(tmp_path: Path, vocabulary: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt", str(vocabulary))
    out = export(path, tmp_path / "out")
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
        before.model.pair(clips(2), tokens, mask), after.model.pair(clips(2), tokens, mask), strict=True
    ):
        assert torch.equal(one, other)
    assert before.preprocessing == after.preprocessing
    assert load_tokenizer(after.tokenizer).sha256 == load_tokenizer(str(vocabulary)).sha256
    said = json.loads((out / "preprocessing.json").read_text())["tokenizer"]
    assert said == {"source": "our-bert", "sha256": load_tokenizer(str(vocabulary)).sha256}
    video, receipt = load_pretrained(out)
    assert (receipt.origin, receipt.unexpected, receipt.missing) == ("exported", (), ())
    assert torch.equal(video(clips()), load_pretrained(path)[0](clips()))
    again = export(out, tmp_path / "again")  # an export of an export is the same
    for name in ("model.safetensors", "preprocessing.json", "config.json", "README.md"):
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_nothing_names_a_place_or_who_exported(tmp_path: Path, vocabulary: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt", str(vocabulary))
    out = export(path, tmp_path / "out", licence="mit", notes="Trained on **simulated** studies.")
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
    out = export(save_contrastive(tmp_path / "pair.ckpt", model), tmp_path / "out")
    said = json.loads((out / "preprocessing.json").read_text())["tokenizer"]
    assert said == {"source": TOKENIZER, "sha256": load_tokenizer(TOKENIZER).sha256}
    assert load_tokenizer(load_contrastive(out).tokenizer).sha256 == said["sha256"]


def test_fine_tuned_models_go_out_with_their_heads(tmp_path: Path) -> None:
    heads = [RegressionHead("lvef_percent"), BinaryHead("dilated")]
    path = save_ours(
        tmp_path / "ours.ckpt", trained(heads), heads=[head.description() for head in heads], views=["SAX"]
    )
    out = export(path, tmp_path / "out")
    before, after = load_study_model(path)[0], load_study_model(out)[0]
    for target, result in after.results(clips()).items():
        assert torch.equal(result.score, before.results(clips())[target].score)
        assert torch.equal(result.attention, before.results(clips())[target].attention)
    said = json.loads((out / "preprocessing.json").read_text())
    assert (said["labels"], said["views"], said["tokenizer"]) == (["lvef_percent", "dilated"], ["SAX"], None)
    card = (out / "README.md").read_text()
    assert "`lvef_percent` of a study: 100 × logit" in card
    assert "`dilated` of a study: a probability" in card


def test_converted_weights_of_the_authors_keep_their_preprocessing_and_licence(tmp_path: Path) -> None:
    path = save(tmp_path / "tuned.ckpt", authors_state(head=True), hyper_parameters={"target": "HCM"})
    out = export(path, tmp_path / "out")
    model, _ = load_study_model(out)
    three = clips().expand(-1, 3, -1, -1, -1)
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


def tamper(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("preprocessing.json", lambda c: c["clip"].update(mean=0.0), "preprocessing.json is not the file"),
        ("config.json", lambda c: c["sha256"].update({"model.safetensors": "0"}), "model.safetensors is not the file"),
        ("config.json", lambda c: c.update(format="other"), "has format 'other'"),
        ("config.json", lambda c: c.pop("embed_dim"), "has no field embed_dim"),
        ("config.json", lambda c: c["sha256"].pop("preprocessing.json"), "lacks the hash"),
        ("config.json", lambda c: c["video_encoder"].update(clip_shape=[8, 32, 32]), "makes clips of"),
        ("config.json", lambda c: c["heads"].append({"kind": "BinaryHead", "target": "a"}), "names the labels"),
        ("config.json", lambda c: c["video_encoder"].update(depths=[1, 1, 3]), "of another model"),
    ],
)
def test_what_does_not_fit_together_is_refused(name: str, change, message: str, tmp_path: Path) -> None:
    out = export(described_pair(tmp_path / "pair.ckpt"), tmp_path / "out")
    tamper(out / name, change)
    with pytest.raises(CmrClipError, match=message):
        load_pretrained(out)


def test_half_folders_and_foreign_folders(tmp_path: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt")
    out = export(path, tmp_path / "out")
    (out / "config.json").unlink()
    with pytest.raises(CmrClipError, match=r"no folder of exported weights: it has no config\.json"):
        load_pretrained(out)
    export(path, out)  # mends it
    load_pretrained(out)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    with pytest.raises(CmrClipError, match="holds other things"):
        export(path, tmp_path / "thesis")
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_another_vocabulary_in_the_folder_is_refused(tmp_path: Path, vocabulary: Path) -> None:
    out = export(described_pair(tmp_path / "pair.ckpt", str(vocabulary)), tmp_path / "out")
    file = out / "tokenizer" / "vocab.txt"
    file.write_text(file.read_text().replace("dilated", "widened"))
    with pytest.raises(CheckpointMismatchError, match="another vocabulary"):
        load_contrastive(out)


def test_what_is_not_whole_is_not_exported(tmp_path: Path) -> None:
    state = authors_state()
    encoder = {name.removeprefix("model.video_encoder."): v for name, v in state.items() if "video_encoder" in name}
    torch.save({"model_state": encoder}, tmp_path / "kinetics.pyth")
    model = contrastive_model()
    old = {f"model.{name}": value for name, value in model.state_dict().items()}
    save(tmp_path / "old.ckpt", old, cmr_clip=our_description(model, "ContrastivePretraining"))
    for name, message in {"kinetics.pyth": "no projection", "old.ckpt": "does not describe it"}.items():
        with pytest.raises(CmrClipError, match=message):
            export(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_local_folder_needs_no_network_and_a_wrong_name_is_one_error(tmp_path: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt")
    out = export(path, tmp_path / "out")
    assert fetch(out) == out
    assert torch.equal(from_pretrained(str(out))(clips()), load_pretrained(path)[0](clips()))
    with pytest.raises(CmrClipError, match=r"no folder .*not-there"):
        from_pretrained(tmp_path / "not-there")


def test_a_hub_name_downloads_the_files_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    out = export(described_pair(tmp_path / "pair.ckpt"), tmp_path / "out")
    asked = {}

    def download(name: str, **more: object) -> str:
        asked.update(more, name=name)
        return str(out)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    from_pretrained("clinic/model", revision="v1")
    assert (asked["name"], asked["revision"]) == ("clinic/model", "v1")
    assert not any(pattern.endswith(".py") or pattern == "*" for pattern in asked["allow_patterns"])
    assert {"model.safetensors", "config.json", "preprocessing.json", "tokenizer/*"} == set(asked["allow_patterns"])

    def offline(name: str, **more: object) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(CmrClipError, match=r"clinic/model .*cannot be had from the hub.*copy the exported folder"):
        from_pretrained("clinic/model")


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


def test_onnx_names_the_extra_when_packages_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cmr_clip.weights.exporting import onnx as onnx_export

    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name == "onnxruntime" else name)
    model, _ = load_pretrained(described_pair(tmp_path / "pair.ckpt"))
    with pytest.raises(CmrClipError, match=r"needs onnxruntime .*cmr-clip\[onnx\]"):
        onnx_export.export_onnx(model, tmp_path / "model.onnx")


@pytest.mark.slow
def test_onnx_computes_the_same_for_any_batch(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path, out = described_pair(tmp_path / "pair.ckpt"), tmp_path / "out"
    assert main(["export", "--checkpoint", str(path), "--out", str(out), "--onnx"]) == 0
    assert sorted(p.suffix for p in out.iterdir() if "onnx" in p.name) == [".onnx"]
    model, _ = load_pretrained(path)
    session = onnxruntime.InferenceSession(str(out / "model.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        batch = torch.randn(count, 3, *SMALL)
        features, embeddings = session.run(None, {"clips": batch.numpy()})
        torch.testing.assert_close(torch.from_numpy(features), model.features(batch), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(torch.from_numpy(embeddings), model(batch), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_onnx_that_differs_is_not_kept(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from cmr_clip.weights.exporting.onnx import export_onnx

    model, _ = load_pretrained(described_pair(tmp_path / "pair.ckpt"))
    with pytest.raises(CmrClipError, match="differs from torch"):
        export_onnx(model, tmp_path / "model.onnx", tolerance=0)
    assert [p.name for p in tmp_path.iterdir()] == ["pair.ckpt"]


@pytest.mark.slow
def test_a_stranger_loads_a_folder_in_a_process_without_lightning(tmp_path: Path) -> None:
    out = export(described_pair(tmp_path / "pair.ckpt"), tmp_path / "out")
    code = (
        "import sys; sys.modules['pytorch_lightning'] = None\n"
        "import torch; from cmr_clip import from_pretrained\n"
        f"print(tuple(from_pretrained({str(out)!r})(torch.zeros(2, 3, 4, 32, 32)).shape))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "(2, 24)"

"""Exported folders that do not fit together, other folders, and weights that are not whole are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cmr_clip import load_contrastive, load_pretrained
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from tests.support.exports import described_pair, export_folder
from tests.support.weights import authors_state, contrastive_model, our_description, save


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
    out = export_folder(described_pair(tmp_path / "pair.ckpt"), tmp_path / "out")
    tamper(out / name, change)
    with pytest.raises(CmrClipError, match=message):
        load_pretrained(out)


def test_half_folders_and_foreign_folders(tmp_path: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt")
    out = export_folder(path, tmp_path / "out")
    (out / "config.json").unlink()
    with pytest.raises(CmrClipError, match=r"no folder of exported weights: it has no config\.json"):
        load_pretrained(out)
    export_folder(path, out)  # mends it
    load_pretrained(out)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    with pytest.raises(CmrClipError, match="holds other things"):
        export_folder(path, tmp_path / "thesis")
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_another_vocabulary_in_the_folder_is_refused(tmp_path: Path, vocabulary: Path) -> None:
    out = export_folder(described_pair(tmp_path / "pair.ckpt", str(vocabulary)), tmp_path / "out")
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
            export_folder(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()

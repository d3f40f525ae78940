"""Weights by the name of a folder or of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cmr_clip import from_pretrained, load_pretrained
from cmr_clip.errors import CmrClipError
from cmr_clip.weights.hub import fetch
from tests.support.exports import described_pair, export_folder
from tests.support.weights import random_clips


def test_a_local_folder_needs_no_network_and_a_wrong_name_is_one_error(tmp_path: Path) -> None:
    path = described_pair(tmp_path / "pair.ckpt")
    out = export_folder(path, tmp_path / "out")
    assert fetch(out) == out
    assert torch.equal(
        from_pretrained(str(out))(random_clips(3, channels=1)), load_pretrained(path)[0](random_clips(3, channels=1))
    )
    with pytest.raises(CmrClipError, match=r"no folder .*not-there"):
        from_pretrained(tmp_path / "not-there")


def test_a_hub_name_downloads_the_files_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    out = export_folder(described_pair(tmp_path / "pair.ckpt"), tmp_path / "out")
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

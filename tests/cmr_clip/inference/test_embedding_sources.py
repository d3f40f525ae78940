"""Embedding a store and starting a fine-tuning with weights of any origin."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.clips.batch import stack_clips
from cmr_clip.clips.reader import ClipKey, ClipReader
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.inference.embed import embed_store
from cmr_clip.models.towers import VideoTower
from cmr_clip.transforms.clip_transform import ClipTransform
from cmr_clip.weights.exporting.export import export_weights
from cmr_clip.weights.into_task import load_encoder_weights, load_tower_weights
from cmr_clip.weights.sources import read_source
from tests.support.cohort import Cohort
from tests.support.weights import authors_state, contrastive_model, mvit_b, mvit_b_with, save, save_contrastive


def test_a_store_embeds_alike_from_a_checkpoint_and_from_its_export(cohort: Cohort, tmp_path: Path) -> None:
    path = save_contrastive(tmp_path / "pair.ckpt", contrastive_model())
    export_weights(read_source(path), tmp_path / "out")
    one, other = (embed_store(place, cohort.store, device="cpu") for place in (path, tmp_path / "out"))
    pd.testing.assert_frame_equal(one, other)


def test_weights_of_the_authors_see_clips_as_they_were_trained(cohort: Cohort, tmp_path: Path) -> None:
    path = save(tmp_path / "authors.ckpt", authors_state())
    table = embed_store(path, cohort.store, device="cpu", batch_studies=8)
    row = table[table["view"] == "SAX"].iloc[0]
    clip = ClipReader(cohort.store, 4).read(ClipKey(row["patient"], row["study"], "SAX", int(row["slice"])))
    transform = ClipTransform(ClipSpec.compat(n_frames=4, size=32))
    model, _ = load_pretrained(path)
    with torch.no_grad():
        wanted = model(transform(stack_clips([clip])))[0]
        modern = model(ClipTransform(ClipSpec(n_frames=4, size=32))(stack_clips([clip])))[0]
    found = row[[f"e{index}" for index in range(512)]].to_numpy(dtype=np.float32)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert float((modern - wanted).abs().max()) > 1e-3  # the scaling is not a detail


def test_weights_that_never_embedded_are_refused(cohort: Cohort, tmp_path: Path) -> None:
    encoder = {n.removeprefix("model.video_encoder."): v for n, v in authors_state().items() if "video_encoder" in n}
    torch.save({"model_state": encoder}, tmp_path / "kinetics.pyth")
    with pytest.raises(CmrClipError, match=r"no projection .*\(pytorchvideo\).*kinetics_weights"):
        embed_store(tmp_path / "kinetics.pyth", cohort.store)


def test_fine_tuning_on_other_clips_than_the_weights_saw_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "authors.ckpt", authors_state())
    tower = VideoTower(mvit_b_with({n.removeprefix("model.video_encoder."): v for n, v in authors_state().items()}))
    with caplog.at_level(logging.WARNING):
        load_tower_weights(tower, path, ClipSpec.compat(n_frames=4, size=32))
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        load_tower_weights(tower, path, ClipSpec(n_frames=4, size=32))
    assert "trained on other clips" in caplog.text
    assert "averaging: True instead of False" in caplog.text


def test_training_starts_from_weights_of_another_clip_shape_only_on_request(tmp_path: Path) -> None:
    path = save_contrastive(tmp_path / "pair.ckpt", contrastive_model())
    tower = VideoTower(mvit_tiny(6, 48), 24)
    with pytest.raises(CheckpointMismatchError, match="pos_embed_spatial"):
        load_tower_weights(tower, path)
    receipt = load_tower_weights(tower, path, interpolate=True)
    names = {f"video_encoder.cls_positional_encoding.pos_embed_{axis}" for axis in ("spatial", "temporal")}
    assert set(receipt.interpolated) == names
    wanted, _ = load_pretrained(path, n_frames=6, size=48)
    assert all(torch.equal(value, wanted.state_dict()[name]) for name, value in tower.state_dict().items())


def test_kinetics_weights_start_an_encoder_of_another_clip_shape(tmp_path: Path) -> None:
    state = {n.removeprefix("model.video_encoder."): v for n, v in authors_state().items() if "video_encoder" in n}
    torch.save({"model_state": state}, tmp_path / "kinetics.pyth")
    encoder = mvit_b((8, 32, 48))
    receipt = load_encoder_weights(encoder, tmp_path / "kinetics.pyth", interpolate=True)
    assert (len(receipt.loaded), len(receipt.interpolated)) == (375, 2)
    wanted, _ = load_pretrained(tmp_path / "kinetics.pyth", clip_shape=(8, 32, 48))
    assert all(torch.equal(v, wanted.video_encoder.state_dict()[name]) for name, v in encoder.state_dict().items())

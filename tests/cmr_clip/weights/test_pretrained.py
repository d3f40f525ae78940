"""Checkpoints of the authors and our own: what loads, what the receipt says, and at which clip shapes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cmr_clip import load_pretrained
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.errors import CheckpointMismatchError, CmrClipError
from cmr_clip.models.towers import VideoTower
from cmr_clip.weights.into_task import load_tower_weights
from tests.support.weights import (
    EXTRAS,
    POSITIONS,
    SMALL,
    authors_state,
    contrastive_model,
    eps_of,
    kinetics_state,
    mvit_b,
    mvit_b_with,
    random_clips,
    save_contrastive,
)


def test_the_authors_contrastive_checkpoint(authors: Path) -> None:
    before = torch.get_rng_state()
    model, receipt = load_pretrained(authors)
    assert torch.equal(torch.get_rng_state(), before)
    assert (receipt.origin, eps_of(model), len(receipt.loaded)) == ("authors_contrastive", 1e-5, 377)
    assert (receipt.missing, receipt.unexpected) == ((), ("surprise",))
    assert set(receipt.ignored) == {name.removeprefix("model.") for name in EXTRAS}
    assert "legacy_positional_embeddings" in str(receipt)
    state = authors_state()  # the two that str.strip("model.") loses are among them
    assert {*POSITIONS} <= set(receipt.loaded)
    assert all(torch.equal(value, state[f"model.{name}"]) for name, value in model.state_dict().items())
    assert model.preprocessing == ClipSpec.compat(n_frames=4, size=32)
    assert not model.training
    embeddings, features = model(random_clips()), model.features(random_clips())
    assert (embeddings.shape, features.shape) == ((2, 512), (2, 768))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    by_hand = features @ state["model.video_proj.weight"].T + state["model.video_proj.bias"]
    torch.testing.assert_close(embeddings, by_hand / by_hand.norm(dim=1, keepdim=True))
    grey = random_clips(channels=1)
    torch.testing.assert_close(model(grey), model(grey.expand(-1, 3, -1, -1, -1)), atol=1e-5, rtol=1e-5)


def test_the_legacy_positional_embeddings_come_on_request(authors: Path, kinetics: Path) -> None:
    state, other = authors_state(), kinetics_state()
    legacy, receipt = load_pretrained(authors, legacy_positional_embeddings=kinetics)
    for name in POSITIONS:
        assert torch.equal(legacy.state_dict()[name], other[name.removeprefix("video_encoder.")])
    rest = set(legacy.state_dict()) - set(POSITIONS)
    assert all(torch.equal(state[f"model.{name}"], legacy.state_dict()[name]) for name in rest)
    assert (receipt.replaced, receipt.notes) == (POSITIONS, ())


def test_legacy_embeddings_are_for_that_checkpoint_and_its_shape_only(
    authors: Path, kinetics: Path, tmp_path: Path
) -> None:
    torch.save({"model_state": kinetics_state((8, 32, 32))}, tmp_path / "other.pyth")
    with pytest.raises(CheckpointMismatchError, match=r"pos_embed_temporal has shape \(1, 4, 96\)"):
        load_pretrained(authors, legacy_positional_embeddings=tmp_path / "other.pyth")
    with pytest.raises(CmrClipError, match=r"is pytorchvideo \(leave it out"):
        load_pretrained(kinetics, legacy_positional_embeddings=kinetics)


def test_our_checkpoint_loads_as_it_was_described(tmp_path: Path) -> None:
    trained = contrastive_model()
    path = save_contrastive(tmp_path / "ours.ckpt", trained)
    model, receipt = load_pretrained(path)
    assert (receipt.origin, receipt.unexpected, receipt.missing) == ("cmr_clip", (), ())
    assert all(name.startswith(("text_", "log_temperature")) for name in receipt.ignored)
    torch.testing.assert_close(model(random_clips(2, 1)), trained(random_clips(2, 1)))
    assert model.preprocessing.field_of_view_mm == 120
    tower = VideoTower(mvit_b_with(kinetics_state()), 512)
    with pytest.raises(CheckpointMismatchError):
        load_tower_weights(tower, path)


def test_an_authors_checkpoint_starts_a_fine_tuning(authors: Path, tmp_path: Path) -> None:
    tower = VideoTower(mvit_b(), 512)
    receipt = load_tower_weights(tower, authors)
    assert (len(receipt.loaded), receipt.origin) == (377, "authors_contrastive")
    state = authors_state()
    assert all(torch.equal(value, state[f"model.{name}"]) for name, value in tower.state_dict().items())
    with pytest.raises(CheckpointMismatchError, match="epsilon of 1e-05 after pooling, the encoder has 1e-06"):
        load_tower_weights(VideoTower(mvit_b_with(kinetics_state(), 1e-6), 512), authors)


def test_other_clip_shapes_are_interpolated_and_the_preprocessing_follows(authors: Path) -> None:
    model, receipt = load_pretrained(authors, n_frames=8, size=48)
    assert receipt.interpolated == POSITIONS
    compat = ClipSpec.compat(n_frames=4, size=32)
    assert (model.preprocessing.n_frames, model.preprocessing.size) == (8, 48)
    assert (model.preprocessing.crop, model.preprocessing.mean) == (compat.crop, compat.mean)  # the same field of view
    assert model(torch.randn(1, 3, 8, 48, 48)).shape == (1, 512)
    wide, _ = load_pretrained(authors, clip_shape=(4, 48, 32))
    assert wide(torch.randn(1, 3, 4, 48, 32)).shape == (1, 512)
    assert load_pretrained(authors, clip_shape=SMALL)[1].interpolated == ()
    with pytest.raises(CmrClipError, match="give one of the two"):
        load_pretrained(authors, clip_shape=SMALL, size=48)


@pytest.mark.slow
def test_the_names_for_users_import_no_lightning() -> None:
    code = (
        "import sys, cmr_clip as m; [getattr(m, name) for name in m.__all__]; "
        "sys.exit(any('lightning' in name and not name.startswith('lightning_utilities') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

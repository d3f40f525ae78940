"""Reading clips, and what becomes of them on the device."""

from __future__ import annotations

import math
import os
import pickle
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from cmr_clip.clips.batch import Clip, stack_clips
from cmr_clip.clips.reader import ClipKey, ClipReader
from cmr_clip.clips.spec import ClipSpec, subsample_frames
from cmr_clip.errors import CmrClipError
from cmr_clip.transforms.augmentation import Jitter
from cmr_clip.transforms.clip_transform import ClipTransform
from cmr_clip.transforms.crop_augmix import CropAugMix
from preprocess.errors import PreprocessError
from preprocess.store.study import Study, StudyInfo
from preprocess.store.study_file import read_study, study_path, write_study
from preprocess.store.views import View
from tests.support.cohort import Cohort
from tests.support.stacks import stack_of


@pytest.mark.parametrize(
    ("total", "wanted"),
    [
        (25, [0, 1, 3, 4, 6, 8, 9, 11, 12, 14, 16, 17, 19, 20, 22, 24]),
        (30, [0, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29]),
        (1, [0] * 16),
    ],
)
def test_temporal_subsampling_is_the_papers(total: int, wanted: list[int]) -> None:
    assert subsample_frames(total, 16).tolist() == wanted


def test_temporal_subsampling_equals_the_float_formula() -> None:
    for total in range(1, 200):
        slow = torch.linspace(0, total - 1, 16, dtype=torch.float64).add(1e-9).floor().long()
        assert subsample_frames(total, 16).tolist() == slow.tolist()


def test_a_clip_is_the_stored_slice(cohort: Cohort) -> None:
    patient, study = cohort.patients[1], cohort.studies[1]
    stored = read_study(cohort.store, patient, study).views[View.SAX]
    reader = ClipReader(cohort.store, 8)
    clip = reader.read(ClipKey(patient, study, "SAX", 1))
    np.testing.assert_array_equal(clip.frames, stored.pixels[1][subsample_frames(12, 8)])
    assert clip.spacing == (2.0, 2.0)
    again = pickle.loads(pickle.dumps(reader)).read(ClipKey(patient, study, "SAX", 1))
    torch.testing.assert_close(again.frames, clip.frames)


def test_the_cache_keeps_to_its_size(cohort: Cohort) -> None:
    reader = ClipReader(cohort.store, 4, cache_mb=1)
    key = ClipKey(cohort.patients[2], cohort.studies[2], "4CH", 0)
    assert reader.read(key) is reader.read(key)
    assert ClipReader(cohort.store, 4).read(key) is not ClipReader(cohort.store, 4).read(key)


def test_a_missing_slice_is_one_clear_error(cohort: Cohort) -> None:
    key = ClipKey(cohort.patients[1], cohort.studies[1], "SAX", 9)
    with pytest.raises(PreprocessError, match=f"no study {cohort.studies[1]}, view SAX, slice 9"):
        ClipReader(cohort.store, 8).read(key)


def test_sixteen_bits_are_the_clips_of_eight(tmp_path) -> None:
    rng = np.random.default_rng(0)
    values = np.minimum(rng.gamma(2.0, 120.0, (2, 3, 40, 30)), 4095).astype(np.uint16) + 50
    low, high = (int(np.sort(values, axis=None)[math.ceil(values.size * share) - 1]) for share in (0.001, 0.999))
    narrow = np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    keys = [ClipKey("0" * 16, name * 16, "SAX", 1) for name in "1234"]
    windows = ((0.0, 65535.0), (0.0, -65535.0), (math.nan, math.nan))  # the last as of imported studies
    wide = [replace(stack_of(values), intensity_window=window) for window in windows]
    for key, one in zip(keys, (stack_of(narrow), *wide), strict=True):
        write_study(tmp_path, Study(key.patient, key.study, {View.SAX: one}))
    eight, sixteen, negative, unknown = (ClipReader(tmp_path, 3).read(key).frames for key in keys)
    assert torch.equal(eight, sixteen)
    assert torch.equal(eight, unknown)
    assert (eight.int() + negative.int() - 255).abs().max() <= 1
    with h5py.File(study_path(tmp_path, "0" * 16, "2" * 16), "r+") as file:  # a store of version 0.2
        del file["SAX"].attrs["percentile_window"]
    assert torch.equal(eight, ClipReader(tmp_path, 3).read(keys[1]).frames)


def disc(rows: int, columns: int, spacing: float, radius_mm: float = 30.0) -> Clip:
    y, x = np.mgrid[:rows, :columns]
    distance = spacing * np.hypot(y + 0.5 - rows / 2, x + 0.5 - columns / 2)
    frame = (255 * (distance < radius_mm)).astype(np.uint8)
    return Clip(torch.from_numpy(np.stack([frame] * 2)), (spacing, spacing))


def test_pixels_of_unknown_size_are_taken_as_square_but_never_cropped_in_mm() -> None:
    known, unknown = disc(90, 70, 2.0), disc(90, 70, 2.0)
    unknown = Clip(unknown.frames, (math.nan, math.nan))
    spec = ClipSpec(n_frames=2, size=32)
    assert torch.equal(ClipTransform(spec)(stack_clips([known])), ClipTransform(spec)(stack_clips([unknown])))
    with pytest.raises(CmrClipError, match="cannot be cropped in mm"):
        ClipTransform(ClipSpec(n_frames=2, size=32, field_of_view_mm=100))(stack_clips([known, unknown]))


def area_mm2(clips: torch.Tensor, spec: ClipSpec) -> torch.Tensor:
    bright = (clips[:, 0, 0] * spec.std + spec.mean).sum((1, 2))
    assert spec.field_of_view_mm is not None
    return bright * (spec.field_of_view_mm / spec.size) ** 2


def test_a_field_of_view_in_mm_makes_sizes_comparable_between_scanners() -> None:
    spec = ClipSpec(n_frames=2, size=64, field_of_view_mm=120)
    raw = stack_clips([disc(100, 80, 2.0), disc(256, 216, 0.75), disc(130, 180, 1.2)])
    areas = area_mm2(ClipTransform(spec)(raw), spec)
    assert areas.tolist() == pytest.approx([np.pi * 30**2] * 3, rel=0.02)


def test_the_crop_is_a_fraction_of_the_shorter_side() -> None:
    ramp = torch.arange(100, dtype=torch.uint8).repeat(60, 1)[None]
    spec = ClipSpec(n_frames=1, size=48, crop=0.8, mean=0.0, std=1.0)
    row = ClipTransform(spec)(stack_clips([Clip(ramp, (1.0, 1.0))]))[0, 0, 0, 0] * 255
    torch.testing.assert_close(row, torch.arange(26.0, 74.0), atol=1e-3, rtol=0)


def test_padding_a_batch_does_not_change_a_clip() -> None:
    spec = ClipSpec(n_frames=2, size=32, field_of_view_mm=120)
    alone = ClipTransform(spec)(stack_clips([disc(100, 80, 2.0)]))
    among = ClipTransform(spec)(stack_clips([disc(100, 80, 2.0), disc(140, 150, 2.0)]))
    torch.testing.assert_close(alone[0], among[0], atol=1e-4, rtol=0)


def test_augmentation_is_the_same_for_all_frames_and_differs_between_clips() -> None:
    torch.manual_seed(0)
    transform = ClipTransform(ClipSpec(2, 32, field_of_view_mm=120), Jitter(noise=0.0, shift=0.2))
    clips = transform(stack_clips([disc(100, 80, 2.0, 20.0)] * 3))
    torch.testing.assert_close(clips[:, :, 0], clips[:, :, 1])
    assert (clips[0] - clips[1]).abs().max() > 0.5


def test_jitter_and_its_noise_depend_on_the_clips_own_seed_alone() -> None:
    transform = ClipTransform(ClipSpec(2, 32, field_of_view_mm=120), Jitter())
    clips = [disc(100, 80, 2.0), disc(90, 90, 2.0), disc(100, 80, 2.0)]
    both = transform(stack_clips(clips), [7, 8, 7])
    torch.testing.assert_close(transform(stack_clips(clips[1:]), [8, 7]), both[1:])
    assert torch.equal(both[0], both[2])
    grey = [Clip(torch.full((2, 90, 90), 120, dtype=torch.uint8), (1.0, 1.0))] * 2
    noise = ClipTransform(ClipSpec(2, 32, crop=0.5), Jitter())(stack_clips(grey), [7, 8])[:, 0]
    assert noise.std(dim=(2, 3)).flatten().tolist() == pytest.approx([0.03 / 0.225] * 4, rel=0.1)
    others = np.corrcoef(noise.flatten(0, 1).flatten(1).numpy()) - np.eye(4)
    assert np.abs(others).max() < 0.15  # neither clips nor frames share it


def test_augmentation_never_mirrors() -> None:
    torch.manual_seed(0)
    image = torch.zeros(1, 64, 64, dtype=torch.uint8)
    image[0, :, :32] = 255  # the left half is bright
    transform = ClipTransform(ClipSpec(1, 32, crop=1.0), Jitter())
    clips = transform(stack_clips([Clip(image, (1.0, 1.0))] * 64))
    assert (clips[..., :16].mean((1, 2, 3, 4)) > clips[..., 16:].mean((1, 2, 3, 4))).all()


def test_a_forked_process_opens_its_own_files(cohort: Cohort) -> None:
    reader = ClipReader(cohort.store, 4)
    key = ClipKey(cohort.patients[1], cohort.studies[1], "SAX", 0)
    wanted = reader.read(key).frames
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = list(reader._files.values())
        equal = bool(torch.equal(reader.read(key).frames, wanted))
        fresh = not any(old is new for old in before for new in reader._files.values())
        os.write(writing, b"ok" if equal and fresh else b"no")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 2) == b"ok"
    torch.testing.assert_close(reader.read(key).frames, wanted)


def test_a_local_copy_is_made_once_and_made_again_when_the_store_changes(tmp_path) -> None:
    store, local = tmp_path / "store", tmp_path / "local"
    path = write_study(store, Study("0" * 16, "1" * 16, {View.SAX: stack_of(coded(1, 5, (8, 9)))}, StudyInfo()))
    key = ClipKey("0" * 16, "1" * 16, "SAX", 0)
    first = ClipReader(store, 5, local_copy=local).read(key)
    copy = local / path.relative_to(store)
    assert copy.read_bytes() == path.read_bytes()
    inode = copy.stat().st_ino
    ClipReader(store, 5, local_copy=local).read(key)
    assert copy.stat().st_ino == inode
    write_study(store, Study("0" * 16, "1" * 16, {View.SAX: stack_of(coded(1, 5, (12, 9)))}, StudyInfo()))
    os.utime(path, (later := path.stat().st_mtime + 1, later))  # a fast machine needs less than a clock's tick
    second = ClipReader(store, 5, local_copy=local).read(key)
    assert (first.frames.shape, second.frames.shape) == ((5, 8, 9), (5, 12, 9))
    assert list(local.rglob("*.tmp")) == []


def test_without_room_for_local_copies_the_store_is_read(tmp_path, caplog) -> None:
    store, blocked = tmp_path / "store", tmp_path / "blocked"
    write_study(store, Study("0" * 16, "1" * 16, {View.SAX: stack_of(coded(1, 5, (8, 9)))}, StudyInfo()))
    blocked.write_text("a file where the folder should be")
    assert ClipReader(store, 5, local_copy=blocked).read(ClipKey("0" * 16, "1" * 16, "SAX", 0)).frames.shape == (
        5,
        8,
        9,
    )
    assert "no local copies any more" in caplog.text


def coded(slices: int, frames: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (slices, frames, *shape)).astype(np.uint8)


def test_compat_reproduces_the_authors_chain_step_by_step() -> None:
    """Normalise grey values, resize the shorter side to 264 without averaging, cut out the centre, divide by 255."""
    frames = torch.from_numpy(coded(1, 16, (360, 360))[0])
    x = (frames.float() - 0.45) / 0.225
    x = torch.nn.functional.interpolate(x[None], size=(264, 264), mode="bilinear", align_corners=False)[0]
    wanted = x[:, 20:244, 20:244] / 255
    got = ClipTransform(ClipSpec.compat())(stack_clips([Clip(frames, (1.0, 1.0))]))[0, 0]
    torch.testing.assert_close(got, wanted, atol=5e-4, rtol=0)  # positions in float32


def test_the_papers_crop_lies_inside_the_image_and_follows_the_clips_own_seed() -> None:
    frames = torch.full((3, 4, 90, 120), 255, dtype=torch.uint8)
    raw = stack_clips([Clip(clip, (1.0, 1.0)) for clip in frames])
    transform = ClipTransform(ClipSpec(4, 32), CropAugMix(augmix=None))
    white = (1 - 0.45) / 0.225
    assert transform(raw, [1, 2, 3]).min() > white - 1e-3  # nothing outside the image was sampled
    noisy = [Clip(torch.from_numpy(coded(1, 4, (90, 120))[0]), (1.0, 1.0))] * 3
    both = ClipTransform(ClipSpec(4, 32), CropAugMix())
    batch = both(stack_clips(noisy), [1, 2, 1])
    alone = both(stack_clips(noisy[:1]), [2])
    assert torch.equal(batch[0], batch[2])
    assert not torch.equal(batch[0], batch[1])
    torch.testing.assert_close(batch[1], alone[0])

"""Files of weights that are damaged or contradict themselves are one clear error; a machine's fault is not damage."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cmr_clip import load_pretrained, load_study_model
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.encoders.registry import registered, require_loadable
from cmr_clip.errors import CmrClipError
from cmr_clip.models.head_registry import registered_head, require_loadable_heads
from cmr_clip.models.heads import BinaryHead, RegressionHead
from cmr_clip.weights.exporting.export import export_weights
from cmr_clip.weights.files import read_weights, reading_weights
from cmr_clip.weights.sources import read_source
from preprocess.errors import MachineError, MendableError
from tests.support.study_models import save_ours, trained
from tests.support.tiny_encoder import TinyConv
from tests.support.weights import save

SPEC = {"n_frames": 6, "size": 40, "crop": 1.0, "field_of_view_mm": None, "mean": 0.5, "std": 0.5, "averaging": True}


def ours(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], object] = lambda state, said: None) -> Path:
    """A checkpoint of pretraining with `TinyConv`; `change` spoils its tensors or its description."""
    encoder = TinyConv()
    state = {f"model.video_encoder.{name}": value for name, value in encoder.state_dict().items()}
    state |= {"model.video_proj.weight": torch.ones(8, 12), "model.video_proj.bias": torch.zeros(8)}
    said = {"task": "ContrastivePretraining", "video_encoder": {"kind": "TinyConv", **encoder.config}, "embed_dim": 8}
    said |= {"preprocessing": dict(SPEC), "views": None}
    change(state, said)
    return save(path, state, cmr_clip=said)


@pytest.fixture(autouse=True)
def known():
    with registered(TinyConv):
        yield


@pytest.mark.parametrize("zipped", [True, False])
def test_flipped_and_cut_files_are_one_error_and_never_a_crash(zipped: bool, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.pt", tmp_path / "damaged.pt"
    content = {"state_dict": {"a.weight": torch.arange(6.0), "b": torch.ones(2, 2)}, "cmr_clip": {"views": ["SAX"]}}
    torch.save(content, whole, _use_new_zipfile_serialization=zipped)
    data, rng = whole.read_bytes(), np.random.default_rng(3)
    refused = 0
    for number in range(300):
        spoiled = bytearray(data)
        if number % 3 == 0:
            del spoiled[rng.integers(len(data)) :]
        for place in rng.integers(len(data), size=number % 3 * 2):
            spoiled[place % max(len(spoiled), 1)] = rng.integers(256)
        path.write_bytes(spoiled)
        try:
            read_weights(path)
        except CmrClipError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 90


def test_damaged_safetensors_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(6.0)}, path)
    data = path.read_bytes()
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        with pytest.raises(CmrClipError, match="is no checkpoint"), reading_weights(path):
            load_file(path)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (MemoryError(), "out of memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory"), "out of memory"),
    ],
)
def test_what_the_machine_lacks_is_no_damage(
    fault: Exception, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    path = ours(tmp_path / "last.ckpt")
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(MachineError, match=f"last.ckpt cannot be read: {words}"):
        load_pretrained(path)


Change = Callable[[dict[str, Tensor], dict[str, Any]], object]


def changed(name: str, value: object) -> Change:
    return lambda state, said: said.update({name: value})


def clip(name: str, value: object) -> Change:
    return lambda state, said: said["preprocessing"].update({name: value})


def encoder(name: str, value: object) -> Change:
    return lambda state, said: said["video_encoder"].update({name: value})


def tensor(
    value: Tensor, name: str = "model.video_proj.weight"
) -> Callable[[dict[str, Tensor], dict[str, Any]], object]:
    return lambda state, said: state.update({name: value})


CONTRADICTIONS = {
    "embed_dim": (changed("embed_dim", 99), "says embed_dim 99"),
    "embed_dim no number": (changed("embed_dim", "8"), "says embed_dim '8'"),
    "no preprocessing": (changed("preprocessing", None), "has no fields"),
    "preprocessing a list": (changed("preprocessing", [1]), "has no fields"),
    "std 0": (clip("std", 0.0), "std of a clip is 0.0"),
    "mean NaN": (clip("mean", float("nan")), "mean of a clip is nan"),
    "size a fraction": (clip("size", 40.0), "size of a clip is 40.0"),
    "frames yes": (clip("n_frames", True), "n_frames of a clip is True"),
    "averaging a word": (clip("averaging", "no"), "averaging of a clip is 'no'"),
    "clip shape of words": (encoder("clip_shape", ["a", "b", "c"]), "clip_shape is"),
    "width a word": (encoder("width", "wide"), "width is 'wide'"),
    "width a fraction": (encoder("width", 4.5), "width is 4.5"),
    "unknown argument": (encoder("gain", 2), "gain"),
    "NaN": (tensor(torch.full((8, 12), torch.nan)), "video_proj.weight holds NaN"),
    "meta": (tensor(torch.ones(8, 12, device="meta")), "on meta"),
    "sparse": (tensor(torch.ones(8, 12).to_sparse()), "sparse"),
    "complex": (tensor(torch.ones(8, 12, dtype=torch.complex64)), "complex64"),
    "integers": (tensor(torch.ones(8, 12, dtype=torch.int64)), "holds torch.int64"),
    "another shape": (tensor(torch.ones(8, 12, 1)), "embed_dim 8, its video_proj.weight"),
}


@pytest.mark.parametrize(("change", "words"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_checkpoint_that_contradicts_itself_is_refused_with_the_field(
    change: Change, words: str, tmp_path: Path
) -> None:
    with pytest.raises(MendableError, match="last") as found:
        load_pretrained(ours(tmp_path / "last.ckpt", change))
    assert words in str(found.value)


def test_a_sound_one_loads_and_float64_of_a_file_becomes_what_the_module_wants(tmp_path: Path) -> None:
    weight = torch.rand(8, 12, dtype=torch.float64)
    model, _ = load_pretrained(ours(tmp_path / "last.ckpt", tensor(weight)))
    assert model.video_proj.weight.dtype == torch.float32
    assert torch.equal(model.video_proj.weight, weight.float())


class Tied(TinyConv):
    """An encoder two of whose layers share their weight."""

    def __init__(self, clip_shape: tuple[int, int, int] = (6, 40, 40), width: int = 4, features: int = 12) -> None:
        super().__init__(clip_shape, width, features)
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight


def test_tied_weights_stay_tied_and_can_be_exported(tmp_path: Path) -> None:
    def with_tied(state: dict[str, Tensor], said: dict[str, Any]) -> None:
        said["video_encoder"]["kind"] = "Tied"
        state |= {f"model.video_encoder.{name}": value for name, value in Tied().state_dict().items()}

    with registered(Tied):
        path = ours(tmp_path / "last.ckpt", with_tied)
        tied = load_pretrained(path)[0].video_encoder
        assert tied.second.weight is tied.first.weight
        export_weights(read_source(path), tmp_path / "out")
        again = load_pretrained(tmp_path / "out")[0].video_encoder
        assert again.second.weight is again.first.weight and torch.equal(again.first.weight, tied.first.weight)
        other = ours(
            tmp_path / "other.ckpt",
            lambda state, said: (
                with_tied(state, said),
                state.update({"model.video_encoder.second.weight": torch.zeros(3, 3)}),
            ),
        )
        with pytest.raises(CmrClipError, match="are one tensor in the model"):
            load_pretrained(other)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"width": 4},
        {"clip_shape": [6, 40, 40], "width": Path("4")},
        {"clip_shape": [6, 40, 40], "kind": "x"},
        {"clip_shape": [6, 40, 40], "width": 5},
    ],
)
def test_an_encoder_that_could_not_be_built_again_is_refused(config: dict[str, Any]) -> None:
    tiny = TinyConv()
    tiny.config = config
    with pytest.raises(CmrClipError):
        require_loadable(tiny)
    require_loadable(TinyConv())


class Forgetful(RegressionHead):
    said: dict[str, Any]

    def arguments(self) -> dict[str, Any]:
        return self.said


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"target": "x"},
        {"target": "lvef", "kind": "end"},
        {"target": Path("lvef")},
        {"target": "lvef", "scale": "big"},
        {"target": "lvef", "colour": 1},
    ],
)
def test_a_head_that_could_not_be_built_again_is_refused(said: dict[str, Any]) -> None:
    head = Forgetful("lvef")
    head.said = said
    with registered_head(Forgetful), pytest.raises(CmrClipError, match="Forgetful"):
        require_loadable_heads([head])


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ([RegressionHead("dilated").description()], "describes heads with heads.0.train_mean, and holds heads.0.pos_w"),
        ({"kind": "BinaryHead", "target": "dilated"}, "does not describe its heads as a list"),
        ("BinaryHead", "does not describe its heads as a list"),
        ([{"kind": "BinaryHead"}], "describes a head that this version does not know"),
        ([{"kind": "BinaryHead", "target": "dilated", "weighted": "yes"}], "describes a head that this version"),
    ],
)
def test_heads_of_a_file_are_those_that_it_describes(described: object, words: str, tmp_path: Path) -> None:
    model = trained([BinaryHead("dilated")])
    sound = save_ours(tmp_path / "sound.ckpt", model, heads=[BinaryHead("dilated").description()])
    assert load_study_model(sound)[0].heads[0].target == "dilated"
    with pytest.raises(CmrClipError, match=words):
        load_study_model(save_ours(tmp_path / "last.ckpt", model, heads=described))


@pytest.mark.parametrize("field", ["crop", "std", "field_of_view_mm"])
def test_clips_need_sizes_above_zero(field: str) -> None:
    for value in (0.0, -1.0, float("inf"), float("nan"), "1"):
        with pytest.raises(CmrClipError, match=field):
            ClipSpec(**{field: value})

"""Kinds of heads: registered once, saved when registered, unknown again afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_clip import load_study_model
from cmr_clip.errors import CmrClipError
from cmr_clip.models.head_registry import heads_from_description, register_head
from tests.support.group_head import GroupHead, task_with


@pytest.mark.usefixtures("group_is_known")
def test_a_kind_is_registered_once_and_only_registered_ones_are_saved() -> None:
    with pytest.raises(CmrClipError, match="a head of kind GroupHead is registered already"):
        register_head(GroupHead)
    with pytest.raises(CmrClipError, match="BinaryHead is registered already"):
        register_head(type("BinaryHead", (GroupHead,), {}))
    described = GroupHead("group").description()
    with pytest.raises(CmrClipError, match=r"does not know: .*'levels'.*known are .*GroupHead"):
        heads_from_description([{**described, "levels": 3}], "here")

    class Unregistered(GroupHead):
        pass

    with pytest.raises(CmrClipError, match=r"Unregistered is of no registered kind .*register_head"):
        task_with(Unregistered("group")).on_save_checkpoint({})


def test_outside_the_with_block_the_kind_is_unknown_again(group_run: Path) -> None:
    with pytest.raises(CmrClipError, match=r"a head that this version does not know: .*GroupHead.*known are Bin"):
        load_study_model(group_run / "checkpoints" / "last.ckpt")

"""What the manifest and the ledger say of the store as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from preprocess.errors import PreprocessError
from preprocess.qc.totals import store_totals
from preprocess.store.ledger import grouped_reason
from preprocess.store.study import Study
from preprocess.store.views import View
from tests.support.synthetic import FRAMES, SLICES, write_store


def test_missing_views_are_counted(tmp_path: Path) -> None:
    def without(number: int, study: Study) -> Study:
        lost = {0: {View.SAX}, 1: {View.CH3, View.CH2}}.get(number, set())
        return replace(study, views={view: stack for view, stack in study.views.items() if view not in lost})

    totals = store_totals(write_store(tmp_path / "store", 4, without))
    assert totals.missing() == {"SAX": 1, "3CH, 2CH": 1}
    assert totals.clips == {"4CH": 4, "3CH": 3, "2CH": 3, "SAX": 3 * SLICES}
    assert totals.frames == {FRAMES: 9 + 1 + 3 * SLICES}


def test_a_damaged_manifest_is_an_error(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 1)
    (store / "clips.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(PreprocessError, match=r"clips\.parquet is not readable"):
        store_totals(store)


def test_reasons_group_without_their_numbers() -> None:
    assert grouped_reason("incomplete slice: 17 of 25 frames") == grouped_reason("incomplete slice: 9 of 30 frames")
    assert grouped_reason("slices 1.5 mm apart") == "slices N mm apart"

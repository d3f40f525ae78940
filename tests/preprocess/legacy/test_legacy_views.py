"""Which series of a legacy file becomes which view."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from preprocess.errors import PreprocessError
from preprocess.legacy.view_map import read_view_map
from preprocess.store.views import View
from tests.support.legacy_files import add, cine, run_import, stack, study_file
from tests.support.stores import ledger, only_study


def test_pieces_of_uk_biobank_become_one_stack_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "in" / "ukbiobank_1234567" / "abc.h5"
    for number in (10, 1, 2, 3):
        add(path, f"CINE_segmented_SAX_b{number}", [cine(number, 50)])
        add(path, f"CINE_segmented_SAX_b{number}_InlineVF", [cine(number, 50, level=5)])
    add(path, "CINE_segmented_SAX", [cine(8, 50, level=7)])
    store = run_import(tmp_path / "store", tmp_path / "in", bits=16)
    assert only_study(store).views[View.SAX].pixels[:, 0, 0, 0].tolist() == [100, 200, 300, 1000]
    rows = ledger(store)
    assert (rows["outcome"] == "stored").sum() == 4
    assert (rows["reason"] == "description: overlay or derived result").sum() == 4


def test_the_best_series_of_a_view_is_taken_as_in_a_conversion(tmp_path: Path) -> None:
    path = tmp_path / "in" / "penn_m1" / "acc1.h5"
    add(path, "SAX_FIESTA_NBH", stack((20,) * 9, level=1))  # free breathing: a lesser variant with more slices
    add(path, "SAX_FIESTA_BH", stack((20,) * 3, level=2))
    add(path, "SAX_FIESTA_BH_2", stack((20,) * 4, level=3))
    add(path, "SAX_FIESTA_BH_3", stack((20,) * 4, level=4))
    sax = only_study(run_import(tmp_path / "store", tmp_path / "in", bits=16)).views[View.SAX]
    assert sax.pixels[:, 0, 0, 0].tolist() == [4000, 4100, 4200, 4300]


def test_a_candidate_that_cannot_be_read_gives_way_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "in" / "penn_m1" / "acc1.h5"
    add(path, "SAX_FIESTA_BH", stack((20,) * 3, level=1))
    add(path, "SAX_FIESTA_BH_2", stack((20,) * 4, level=2))
    with h5py.File(path, "a") as file:
        file["SAX_FIESTA_BH_2"][30, 1, 0, 0] += 1
    store = run_import(tmp_path / "store", tmp_path / "in", bits=16)
    assert only_study(store).views[View.SAX].pixels[:, 0, 0, 0].tolist() == [1000, 1100, 1200]
    assert "data set 2: its channels differ (a colour picture)" in set(ledger(store)["reason"])


def test_a_view_map_and_site_rules_come_before_the_rules(tmp_path: Path) -> None:
    path = study_file(tmp_path / "in", "A rgb")
    add(path, "Some_name_of_ours", stack((20,), level=2))
    add(path, "another name", stack((20,), level=4))
    table = tmp_path / "map.csv"
    table.write_text("series_description,view\n4CH FIESTA/BH,\nsome name of ours,2CH\n")
    rules = tmp_path / "site.yaml"
    rules.write_text("- match: another name\n  view: 3CH\n")
    study = only_study(run_import(tmp_path / "store", tmp_path / "in", bits=16, views=table, site=rules))
    corners = {view: int(stack.pixels[0, 0, 0, 0]) for view, stack in study.views.items()}
    assert corners == {View.SAX: 0, View.CH2: 2000, View.CH3: 4000}


def test_the_papers_own_maps_are_read_with_their_doubles(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        "\ufeffseries_description,counts,cleaned_series_names\nShort_Ax_Mid,9,SAX\nshort ax/mid,3,\nLVOT,1,LVOT\n"
    )
    assert read_view_map(table) == {"short_ax_mid": View.SAX, "lvot": None}
    table.write_text("series_description,view\nA,SAX\nB,4CH\na,4CH\n")
    with pytest.raises(PreprocessError, match="row 3"):
        read_view_map(table)
    table.write_text("series_description,view\nA,RV\n")
    with pytest.raises(PreprocessError, match="row 1: unknown view"):
        read_view_map(table)

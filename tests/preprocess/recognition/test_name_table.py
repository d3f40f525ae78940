"""A table of series descriptions, judged by the function behind `cmr-preprocess views`."""

from __future__ import annotations

from pathlib import Path

from preprocess.recognition.name_table import judge_names


def test_judging_names_returns_what_it_wrote(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("series_description,count,view\n4CH_FIESTA_BH,10,4CH\nSAX scout,5,SAX\ncine SA,7,LVOT\n")
    judged = judge_names(source, tmp_path / "out.csv")
    assert [name.view for name in judged.names] == ["4CH", "", "SAX"]
    assert (judged.counts("4CH"), judged.counts(""), judged.unused_rules) == ((10, 1), (5, 1), ())
    assert [(name.line, name.given_view, name.view) for name in judged.disagreements()] == [
        (4, "", "SAX"),
        (3, "SAX", ""),
    ]
    assert {row.name: row.given for row in judged.agreement()}["all"] == 15
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4

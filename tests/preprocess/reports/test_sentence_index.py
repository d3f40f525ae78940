from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from preprocess import __version__
from preprocess.errors import PreprocessError
from preprocess.reports.index import read_sentences
from preprocess.reports.tokenizer import load_tokenizer

HEADER = ["patient_id", "accession", "report"]
REPORT = "Patient Name: DOE, JANE\nMRN: 0012345\n"
REPORT += "FINDINGS: The lv is dilated. Lvef is 34.\nIMPRESSION: Dcm, see 0012345."


@pytest.fixture
def index(site, vocab_folder, command, tmp_path):
    """Run `reports` on a table; gives the outcome and the output path."""

    def run(table: Path, *more: object):
        out = tmp_path / "out" / "sentences.json"
        fixed = ("--store", site.store, "--out", out, "--tokenizer", vocab_folder, "--stanza-dir", tmp_path)
        return command("reports", "--reports", table, *fixed, *more), out

    return run


def ledger_of(out: Path) -> list[tuple[str, str, str, str]]:
    with out.with_name("sentences.ledger.csv").open() as file:
        return [tuple(row) for row in csv.reader(file)]


def test_the_index_has_the_contracts_fields(site, index, write_table, vocab_folder) -> None:
    study = site.add("0012345", "0007")
    outcome, out = index(write_table("r.csv", HEADER, ("0012345", "0007", REPORT)))
    assert outcome.code == 0
    content = json.loads(out.read_text())
    tokenizer = load_tokenizer(str(vocab_folder))
    names = {"tokenizer", "tokenizer_sha256", "cls_id", "sep_id", "splitter", "language", "software_version", "studies"}
    assert set(content) == names
    assert (content["cls_id"], content["sep_id"]) == (tokenizer.cls_id, tokenizer.sep_id)
    assert content["tokenizer_sha256"] == tokenizer.sha256
    assert (content["splitter"], content["language"]) == ("rules-1", "english")
    assert content["software_version"] == __version__
    sentences = content["studies"][study]["sentences"]
    assert sentences == [tokenizer.encode(text) for text in ("The lv is dilated.", "Lvef is 34.", "Dcm, see .")]
    assert read_sentences(out).studies == {study: sentences}
    assert "rules-1" in outcome.out and "next: cmr-preprocess splits" in outcome.out


def test_every_report_and_study_is_accounted_for(site, index, write_table) -> None:
    names = ("good", "empty", "twice", "again", "none", "header")
    keys = {name: site.add("00" + name, f"0{name}") for name in names}
    table = write_table(
        "r.csv",
        HEADER,
        ("00good", "0good", "Dilated lv."),
        ("00empty", "0empty", "  "),
        ("00twice", "0twice", ""),
        ("00twice", "0twice", "No scar."),
        ("00twice", "0twice", "Some scar."),
        ("00again", "0again", "No  scar."),
        ("00again", "0again", "No scar."),
        ("00header", "0header", "MRN: 55512"),
        ("elsewhere", "1", "No scar."),
    )
    outcome, out = index(table)
    assert outcome.code == 0
    rows = ledger_of(out)
    assert rows[0] == ("study", "outcome", "reason", "n_sentences")
    assert sorted(rows[1:]) == sorted(
        [
            (keys["good"], "kept", "", "1"),
            (keys["twice"], "kept", "", "1"),
            (keys["again"], "kept", "", "1"),
            (keys["empty"], "left out", "empty", "0"),
            (keys["twice"], "left out", "empty", "0"),
            (keys["twice"], "left out", "another row of this study came first", "0"),
            (keys["again"], "left out", "same again", "0"),
            (keys["header"], "left out", "no sentence left", "0"),
            (site.key.study("elsewhere", "1"), "left out", "study not in the store", "0"),
            (keys["none"], "absent", "no row in the table", "0"),
        ]
    )
    assert set(read_sentences(out).studies) == {keys["good"], keys["twice"], keys["again"]}
    assert "3 of 6 studies have 3 sentences" in outcome.out
    assert "absent (no row in the table): 1" in outcome.out


def test_nothing_written_or_said_holds_an_identifier_or_a_word(site, index, write_table) -> None:
    site.add("0012345", "ACC0007")
    outcome, out = index(write_table("r.csv", HEADER, ("0012345", "ACC0007", REPORT), ("0054321", "ACC0008", REPORT)))
    produced = outcome.out + outcome.err + "".join(path.read_text() for path in out.parent.iterdir())
    for secret in ("0012345", "ACC0007", "0054321", "ACC0008", "DOE", "JANE", "dilated"):
        assert secret not in produced


def test_leading_zeros_count(site, index, write_table) -> None:
    site.add("0012345", "0007")
    outcome, out = index(write_table("r.csv", HEADER, ("12345", "7", "No scar.")))
    assert "leading zeros" in outcome.error()
    assert not out.exists()


def test_columns_have_names_and_tables_other_separators(site, index, tmp_path) -> None:
    study = site.add("01", "02")
    table = tmp_path / "r.csv"
    table.write_text('\ufeffMRN;Acc;Text\n01;02;"No scar; really.\nFine."\n', encoding="utf-8")
    names = ("--patient-column", "MRN", "--study-column", "Acc", "--text-column", "Text")
    outcome, out = index(table, *names)
    assert outcome.code == 0
    assert len(read_sentences(out).studies[study]) == 2


def test_sections_can_be_chosen(site, index, write_table) -> None:
    study, other = site.add("01", "02"), site.add("01", "03")
    table = write_table("r.csv", HEADER, ("01", "02", REPORT), ("01", "03", "No scar."))
    _, out = index(table, "--sections", "impression")
    assert [len(value) for value in read_sentences(out).studies.values()] == [1]
    assert (other, "left out", "section not found", "0") in ledger_of(out)
    assert study in read_sentences(out).studies


def test_another_key_is_named_as_the_likely_cause(site, index, write_table, tmp_path) -> None:
    site.add("01", "02")
    key = tmp_path / "other.key"
    key.write_text("ab" * 32)
    outcome, _ = index(write_table("r.csv", HEADER, ("01", "02", "No scar.")), "--key", key)
    assert "--key" in outcome.error()


def test_bad_input_is_one_line_and_exit_code_1(site, index, write_table, tmp_path) -> None:
    table = write_table("r.csv", HEADER, ("01", "02", "No scar."))
    assert "holds no study" in index(table)[0].error()
    site.add("01", "02")
    assert "no file" in index(tmp_path / "none.csv")[0].error()
    wrong = index(write_table("w.csv", ["patient_id", "text"], ("01", "x")))[0].error()
    assert "accession, report" in wrong and "patient_id, text" in wrong
    assert "no sentence" not in index(table)[0].err
    assert "holds a sentence" in index(write_table("e.csv", HEADER, ("01", "02", " ")))[0].error()
    assert "no site key" in index(table, "--key", tmp_path / "none.key")[0].error()
    assert "--stanza-dir" in index(table, "--splitter", "stanza")[0].error()
    unquoted = tmp_path / "u.csv"
    unquoted.write_text("patient_id,accession,report\n01,02,No scar, fine\n")
    assert "quotes" in index(unquoted)[0].error()
    latin = tmp_path / "l.csv"
    latin.write_bytes("patient_id,accession,report\n01,02,\xe9t\xe9\n".encode("latin-1"))
    assert "UTF-8" in index(latin)[0].error()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokenizer_sha256": None}, "no tokenizer_sha256"),
        ({"cls_id": "101"}, "no cls_id"),
        ({"studies": []}, "no studies"),
        ({"studies": {"Jane": {"sentences": [[1]]}}}, "16 hex digits"),
        ({"studies": {"0" * 16: {"sentences": []}}}, "token ids"),
        ({"studies": {"0" * 16: {"sentences": [["a"]]}}}, "token ids"),
        ({"studies": {"0" * 16: [[1]]}}, "token ids"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    good = {
        "tokenizer": "t",
        "tokenizer_sha256": "s",
        "cls_id": 101,
        "sep_id": 102,
        "splitter": "r",
        "studies": {"0" * 16: {"sentences": [[1]]}},
    }
    path = tmp_path / "s.json"
    path.write_text(json.dumps(good | change))
    with pytest.raises(PreprocessError, match=words):
        read_sentences(path)


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_an_index_that_is_no_index_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(PreprocessError, match="cmr-preprocess reports"):
        read_sentences(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"studies": {"0123456789abcdef": {}, "0123456789abcdef": {}}}', "twice"),
        ("[" * 200_000, "nested too deeply"),
        (
            '{"tokenizer": "t", "tokenizer_sha256": "x", "cls_id": -1, "sep_id": 2, "splitter": "s", "studies": {}}',
            "negative cls_id",
        ),
    ],
)
def test_an_index_that_contradicts_itself_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "sentences.json"
    path.write_text(text)
    with pytest.raises(PreprocessError, match=words):
        read_sentences(path)

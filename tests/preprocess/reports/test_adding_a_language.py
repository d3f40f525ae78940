"""German reports, as a hospital would add them: the language is defined and registered here, and used by commands."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from preprocess.cli import main
from preprocess.errors import PreprocessError
from preprocess.labels.lvef import read_lvef
from preprocess.reports.cleaning import without_identifiers
from preprocess.reports.index import read_sentences
from preprocess.reports.language.language import Language, LvefGrammar
from preprocess.reports.language.registry import (
    DEFAULT_LANGUAGE,
    known_languages,
    language_named,
    register_language,
    registered_language,
)
from preprocess.reports.layout import report_blocks
from preprocess.reports.splitting import RuleSplitter, choose_splitter
from preprocess.reports.tokenizer import load_tokenizer

_MONTH = r"(?:jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez)[a-z]*\.?"

GERMAN = Language(
    name="german",
    code="de",
    sections=r"befund|beurteilung|zusammenfassung|indikation|anamnese|klinische angaben|technik"
    r"|fragestellung|vorbefund",
    identifiers=r"patient(?:in)?|(?:vor|nach)?name|pat\.?-?(?:nr|id)\.?|fall-?nr\.?|geb\.?(?:urtsdatum)?|geboren am"
    r"|untersuchungsdatum|datum|zuweiser(?:in)?",
    signature=r"\b(?:elektronisch )?(?:signiert|unterschrieben|freigegeben) (?:von|durch|am)\b.*",
    date=rf"\b(?:\d{{1,2}}\.\d{{1,2}}\.(?:(?:19|20)?\d\d)\b|\d{{1,2}}\. ?{_MONTH} (?:19|20)\d\d\b)",
    abbreviations=r"dr|med|prof|hr|fr|z|z\. ?b|d|d\. ?h|u|u\. ?a|ca|bzw|vgl|ggf|evtl|inkl|max|min|abb",
    date_word="datum",
    capitals="A-ZÄÖÜ",
    small="a-zäöüß",
    lvef=LvefGrammar(
        aside=("indikation", "anamnese", "klinisch", "technik", "fragestellung", "vorbefund"),
        findings="befund",
        term=r"(?P<chamber>\b(?:LV|RV)[ -]?|\b(?:links|rechts)ventrikuläre )?(?:(?<=[LR]V)|\b)"
        r"(?:EF\b|(?:ejektions|auswurf)fraktion)(?P<pair> ?(?:und|/) ?RV[ -]?EF)?",
        chamber=r"\b(?:LV|RV)\b|\b(?:links|rechts)ventrik|\b(?:linker|rechter|linken|rechten) ventrik",
        left=r"lv|links|linke",
        gap_words=r"ist|war|beträgt|von|bei|mit|auf|der|des|die|deutlich|leicht|mittelgradig|hochgradig|global|ca|etwa"
        r"|eingeschränkt|reduziert|normal|erhalten|abgefallen|linken|ventrikels|systolisch|jetzt|prozent",
        range_words="bis",
        percent=("prozent",),
        units=r"m?l|mm|cm|g|ms|s|jahre|schläge",
        earlier=r"(?:vor(?:untersuchung|befund|aufnahme)|früher\w*)\b",
        compared=r"(?:vergleich (?:zur|zum|mit)|gegenüber|seit)(?: der| dem)?\s+",
        veto_before=r"\b(?:echo\w*|zuvor|ziel|norm\w*|falls|wenn)\b",
        veto_after=r"\s*(?:zuvor|echokardiogra\w+|(?:in der |im )?vor(?:untersuchung|befund))",
    ),
)

REPORT = """Patient: Müller, Änne
Pat.-Nr.: 0012345
Untersuchungsdatum: 03.05.2019
INDIKATION: Zuweisung durch Dr. med. Weiß am 3. Mai 2019, Kardiomyopathie, EF 30 % im Echo.
BEFUND:
Der linke Ventrikel ist dilatiert, z. B. Basal
bis 61,5 mm. LVEF 42,5 %. Überall kein Narbengewebe.
1. Klappen zart
2. Perikard, d. h. Ohne Erguss
BEURTEILUNG: Dilatative Kardiomyopathie, siehe 0012345. EF 43 %.
Elektronisch signiert von Prof. Groß am 04.05.2019"""

SENTENCES = [
    "Zuweisung durch Dr. med. Weiß am datum, Kardiomyopathie, EF 30 % im Echo.",
    "Der linke Ventrikel ist dilatiert, z. B. Basal bis 61,5 mm.",
    "LVEF 42,5 %.",
    "Überall kein Narbengewebe.",
    "Klappen zart",
    "Perikard, d. h. Ohne Erguss",
    "Dilatative Kardiomyopathie, siehe .",
    "EF 43 %.",
]


@pytest.fixture
def german() -> Iterator[Language]:
    with registered_language(GERMAN) as language:
        yield language


@pytest.fixture
def table(site, write_table) -> Path:
    """The report of a study in the store."""
    site.add("0012345", "0007")
    return write_table("r.csv", ["patient_id", "accession", "report"], ("0012345", "0007", REPORT))


def run(command: str, table: Path, site, out: Path, *more: object) -> int:
    return main([command, "--reports", str(table), "--store", str(site.store), "--out", str(out), *map(str, more)])


def index_of(table: Path, site, vocabulary: Path, out: Path, *more: object) -> Path:
    assert run("reports", table, site, out, "--tokenizer", vocabulary, "--splitter", "rules", *more) == 0
    return out


def test_german_reports_are_split_cleaned_and_indexed(german, table, site, vocab_folder, tmp_path) -> None:
    index = read_sentences(index_of(table, site, vocab_folder, tmp_path / "s.json", "--language", "german"))
    tokenizer = load_tokenizer(str(vocab_folder))
    assert index.language == "german"
    assert list(index.studies.values()) == [[tokenizer.encode(sentence) for sentence in SENTENCES]]
    blocks = report_blocks(without_identifiers(REPORT, ["0012345"], german), german)
    kept = RuleSplitter(german).split([block.text for block in blocks])
    assert kept == SENTENCES
    assert not [word for word in ("Müller", "Änne", "0012345", "2019", "Groß") if word in " ".join(kept)]


def test_sections_are_named_in_german(german, table, site, vocab_folder, tmp_path) -> None:
    more = ("--language", "german", "--sections", "Beurteilung")
    index = read_sentences(index_of(table, site, vocab_folder, tmp_path / "s.json", *more))
    assert [len(sentences) for sentences in index.studies.values()] == [2]


@pytest.mark.parametrize(
    ("report", "percent"),
    [
        (REPORT, "42.5"),
        ("EF 55 %.", "55"),
        ("LV-EF: 45-50 %", "47.5"),
        ("LVEF 45 bis 50 Prozent.", "47.5"),
        ("Die linksventrikuläre Auswurffraktion beträgt 0,55.", "55"),
        ("Im Vergleich zur Voruntersuchung LVEF auf 35 % abgefallen.", "35"),
        ("RVEF 45 %.", ""),
        ("Der rechte Ventrikel ist weit. Rechtsventrikuläre Ejektionsfraktion 45 %.", ""),
        ("In der Voruntersuchung LVEF 50 %.", ""),
        ("LVEF 50 % echokardiographisch.", ""),
        ("INDIKATION: EF 20 %.\nBEFUND: Kein Erguss.", ""),
        ("BEFUND: LVEF 34 %.\nBEURTEILUNG: LVEF 54 %.", ""),
        ("LVEF 120 ml", ""),
    ],
)
def test_lvef_is_read_from_german_reports(german, site, write_table, tmp_path, report: str, percent: str) -> None:
    study = site.add("01", "02")
    table = write_table("r.csv", ["patient_id", "accession", "report"], ("01", "02", report))
    assert run("labels", table, site, tmp_path / "labels.csv", "--language", "german") == 0
    assert (tmp_path / "labels.csv").read_text() == f"study,lvef_percent\n{study},{percent}\n"


def test_the_default_is_english_and_an_index_without_a_language_too(
    german, table, site, vocab_folder, tmp_path
) -> None:
    path = index_of(table, site, vocab_folder, tmp_path / "s.json")
    index = read_sentences(path)
    assert index.language == "english" == DEFAULT_LANGUAGE.name
    content = json.loads(path.read_text())
    del content["language"]
    path.write_text(json.dumps(content))
    assert read_sentences(path) == index


def test_english_replaces_a_german_index_and_says_so_in_it(german, table, site, vocab_folder, tmp_path) -> None:
    out = tmp_path / "s.json"
    first = index_of(table, site, vocab_folder, out, "--language", "german").read_bytes()
    assert read_sentences(index_of(table, site, vocab_folder, out, "--language", "english")).language == "english"
    assert index_of(table, site, vocab_folder, out, "--language", "german").read_bytes() == first


def test_an_index_is_read_where_its_language_is_unknown(table, site, vocab_folder, tmp_path) -> None:
    with registered_language(GERMAN):
        path = index_of(table, site, vocab_folder, tmp_path / "s.json", "--language", "german")
    assert known_languages() == ("english",)
    assert read_sentences(path).language == "german"
    path.write_text(path.read_text().replace('"german"', "49"))
    with pytest.raises(PreprocessError, match="no language"):
        read_sentences(path)


@pytest.mark.parametrize("command", ["reports", "labels"])
def test_an_unknown_language_is_one_line_that_names_the_known(command: str, table, site, tmp_path, capsys) -> None:
    assert run(command, table, site, tmp_path / "out", "--language", "german") == 1
    assert capsys.readouterr().err == ("cmr-preprocess: error: no language 'german' is known (known are: english)\n")
    with registered_language(GERMAN):
        assert run(command, table, site, tmp_path / "out", "--language", "klingon") == 1
    assert "known are: english, german" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_language_is_of_reports_only(german, site, write_table, tmp_path, capsys) -> None:
    site.add("01", "02")
    table = write_table("t.csv", ["patient_id", "accession", "lvef"], ("01", "02", "55"))
    arguments = ["labels", "--table", str(table), "--columns", "lvef", "--store", str(site.store)]
    arguments += ["--out", str(tmp_path / "labels.csv")]
    assert main([*arguments, "--language", "german"]) == 1
    assert "--language is of reports" in capsys.readouterr().err
    assert main(arguments) == 0


def test_a_language_without_a_grammar_for_lvef_gives_sentences_but_no_labels(
    table, site, vocab_folder, tmp_path, capsys
) -> None:
    with registered_language(replace(GERMAN, name="plain", lvef=None)):
        index_of(table, site, vocab_folder, tmp_path / "s.json", "--language", "plain")
        assert run("labels", table, site, tmp_path / "labels.csv", "--language", "plain") == 1
    assert "LVEF cannot be read from reports in plain (give the values with --table" in capsys.readouterr().err


def test_a_name_belongs_to_one_language(german) -> None:
    register_language(GERMAN)  # the same again
    with pytest.raises(PreprocessError, match="another language is called 'german'"):
        register_language(replace(GERMAN, code="at"))
    assert language_named("german") is GERMAN
    assert DEFAULT_LANGUAGE.lvef is not None and GERMAN.lvef is not None


def test_languages_do_not_mix() -> None:
    german, english = "LVEF deutlich reduziert mit 20 %.", "LVEF is severely reduced, calculated to be 20%."
    assert read_lvef(german, GERMAN).percent == read_lvef(english).percent == 20
    assert read_lvef(german).percent is read_lvef(english, GERMAN).percent is None


def test_stanza_is_looked_for_in_the_language(tmp_path: Path) -> None:
    (tmp_path / "resources.json").write_text("{}")
    (tmp_path / "en" / "tokenize").mkdir(parents=True)
    (tmp_path / "en" / "tokenize" / "combined.pt").touch()
    splitter, why = choose_splitter("auto", tmp_path, GERMAN)
    assert (splitter.name, splitter.language) == ("rules-1", GERMAN)
    assert "no German stanza models" in why


def test_the_ledger_counts_german_sentences(german, table, site, vocab_folder, tmp_path) -> None:
    index_of(table, site, vocab_folder, tmp_path / "s.json", "--language", "german")
    with (tmp_path / "s.ledger.csv").open() as file:
        assert [(row["outcome"], row["n_sentences"]) for row in csv.DictReader(file)] == [("kept", "8")]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "no name of a language"),
        ("name", "English", "no name of a language"),
        ("name", "../x", "no name of a language"),
        ("sections", "befund(", "sections of the language german is no pattern"),
        ("date", "[", "date of the language german is no pattern"),
        ("signature", "(?P<name>.*)", "signature of the language german names a group"),
    ],
)
def test_a_language_that_cannot_work_is_refused_when_it_is_registered(field: str, value: str, words: str) -> None:
    before = known_languages()
    with pytest.raises(PreprocessError, match=words):
        register_language(replace(GERMAN, **{field: value}))
    assert known_languages() == before

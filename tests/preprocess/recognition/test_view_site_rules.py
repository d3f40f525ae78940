"""A site's own rules: the last word about names, never about headers; bad files are refused with one clear line."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest

from preprocess.errors import PreprocessError
from preprocess.recognition.recognise import decide, described, recognise
from preprocess.recognition.safe_pattern import safe_pattern
from preprocess.recognition.site_rules import SiteRules
from preprocess.recognition.words import normalise
from preprocess.store.views import View
from tests.support.factories import CH4, SAX, SeriesSpec, read_series

RULES = """
- match: VLAX_FIESTA
  view: 2CH
  reason: planned from the HLA
- pattern: "^prot (vd|rv)"
  view: none
- pattern: "zaphod"
  view: SAX
- match: "Zaphod 4CH"
  view: 4CH
- match: "SAX scout"
  view: sax
- match: "短轴"
  view: SAX
"""


def site(tmp_path: Path, text: str = RULES) -> SiteRules:
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return SiteRules.read(path)


@pytest.mark.parametrize(
    ("description", "view", "number"),
    [
        ("VLAX_FIESTA", View.CH2, 1),
        ("vlax-fiesta", View.CH2, 1),
        ("VlaxFIESTA", View.CH2, 1),
        ("PROT VD FEVD", None, 2),
        ("Zaphod_4CH", View.SAX, 3),  # the first that matches wins
        ("SAX scout", View.SAX, 5),  # also over an exclusion by name
        ("短轴", View.SAX, 6),
    ],
)
def test_the_first_matching_rule_decides(tmp_path: Path, description: str, view: View | None, number: int) -> None:
    rules = site(tmp_path)
    decision = described(description, rules)
    assert decision.view is view
    assert rules.number(description) == number
    assert decision.reason.startswith(f"site rule {number}")
    assert decision.final == (view is None)
    assert decision.confidence == 1.0


@pytest.mark.parametrize("description", ["VLAX_FIESTA_BH", "4CH cine", "", "短轴 cine", "prot", "scout"])
def test_other_names_are_judged_as_without_rules(tmp_path: Path, description: str) -> None:
    assert described(description, site(tmp_path)) == described(description)


def test_nothing_of_the_file_or_the_name_is_in_the_reason(tmp_path: Path) -> None:
    for description in ("VLAX_FIESTA", "Zaphod", "PROT VD", "SAX scout"):
        reason = described(description, site(tmp_path)).reason.lower()
        assert not any(word in reason for word in ("vlax", "fiesta", "zaphod", "prot", "scout", "hla"))


def test_headers_and_colour_overrule_a_site(tmp_path: Path) -> None:
    rules = site(tmp_path, '- pattern: "."\n  view: SAX\n')
    phase = SeriesSpec("cine", SAX, 1, uid="1.2", tags={"ImageType": ["ORIGINAL", "PRIMARY", "P"]})
    velocity = SeriesSpec("cine", SAX, 1, uid="1.3", tags={"SequenceName": "*fl2d1_v150in"})
    screen = SeriesSpec("cine", SAX, 1, uid="1.4", tags={"BurnedInAnnotation": "YES"})
    found = [decide(series, rules) for series in read_series(phase, velocity, screen)]
    assert [decision.view for decision in found] == [None] * 3
    assert all(decision.final and "site" not in decision.reason for decision in found)


def test_geometry_neither_changes_nor_doubts_a_site(tmp_path: Path) -> None:
    rules = site(tmp_path, "- match: odd\n  view: SAX\n- match: cine 4ch\n  view: none\n")
    usual = SeriesSpec("SAX cine", SAX, 1, uid="1.1")
    odd, four = SeriesSpec("odd", CH4, 1, uid="1.2"), SeriesSpec("cine 4ch", CH4, 1, uid="1.3")
    found = recognise(read_series(usual, odd, four), [True] * 3, rules)
    assert [decision.view for decision in found] == [View.SAX, View.SAX, None]
    assert found[1].confidence == 1.0


def test_rules_travel_to_workers_and_are_compared_by_what_they_say(tmp_path: Path) -> None:
    rules = site(tmp_path)
    again = pickle.loads(pickle.dumps(rules))
    assert again == rules
    assert hash(again) == hash(rules)
    assert again.decide("vlax fiesta") == rules.decide("vlax fiesta")
    other = site(tmp_path, RULES.replace("view: 2CH", "view: 3CH"))
    assert other != rules
    assert described("VLAX_FIESTA", other).view is View.CH3
    assert described("VLAX_FIESTA", rules).view is View.CH2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a list of rules"),
        ("rules: 3", "not a list of rules"),
        ("- [", "not YAML"),
        ("[" * 100_000, "not YAML"),
        ("- !!python/object/apply:os.system ['true']", "not YAML"),
        ("- 4CH", "rule 1 has no fields"),
        ("- match: a\n  view: 4CH\n- match: b", "rule 2: view is not one of"),
        ("- match: a\n  view: 5CH", "rule 1: view is not one of"),
        ("- match: a\n  view: null", "rule 1: view is not a text"),
        ("- match: 12\n  view: 4CH", "rule 1: match is not a text"),
        ("- view: 4CH", "rule 1 needs either match or pattern"),
        ("- match: a\n  pattern: b\n  view: 4CH", "rule 1 needs either match or pattern"),
        ("- match: '--'\n  view: 4CH", "rule 1: match has no letter or digit"),
        ("- match: a\n  veiw: 4CH", "rule 1 has an unknown field 'veiw'"),
        ("- match: a\n  view: 4CH\n  match: b", "given twice"),
        ("- pattern: '('\n  view: 4CH", "rule 1: pattern is not a regular expression"),
        ("- pattern: '(a+)+$'\n  view: 4CH", "rule 1: pattern repeats a group"),
        ("- pattern: '(a|b){9}'\n  view: 4CH", "rule 1: pattern repeats a group"),
        ("- pattern: '.*a.*b.*c'\n  view: 4CH", "rule 1: pattern could take long"),
        ("- pattern: '" + "a?" * 30 + "'\n  view: 4CH", "rule 1: pattern could take long"),
        ("- pattern: '" + "(a|a)" * 12 + "'\n  view: 4CH", "rule 1: pattern could take long"),
        ("- pattern: '(?=a)b'\n  view: 4CH", "rule 1: pattern holds something other"),
        ("- pattern: '(a)\\1'\n  view: 4CH", "rule 1: pattern holds something other"),
        ("- pattern: VLAX_FIESTA\n  view: 4CH", "rule 1: pattern holds something other"),
        ("- pattern: 4ch\n  view: 4CH", "rule 1: pattern has a digit beside a letter"),
        ("- pattern: ''\n  view: 4CH", "rule 1: pattern is empty"),
        ("- pattern: '" + "a" * 500 + "'\n  view: 4CH", "rule 1: pattern is empty or longer"),
        ("- match: a\n  view: 4CH\n" * 1001, "more than 1000 rules"),
        ("#" + " " * (1 << 20), "too large"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_file_entry_and_remedy(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PreprocessError) as caught:
        site(tmp_path, text)
    assert told in caught.value.problem
    assert "site.yaml" in caught.value.problem
    assert "\n" not in str(caught.value)
    assert caught.value.remedy or "regular expression" in told


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(PreprocessError, match=path.name):
            SiteRules.read(path)
    (tmp_path / "latin.yaml").write_bytes(b"- match: caf\xe9\n  view: 4CH\n")
    with pytest.raises(PreprocessError, match=r"latin\.yaml: not YAML"):
        SiteRules.read(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    "pattern",
    [
        r".*a.*b",
        r"\w*\w*b",
        "a{1,99}a{1,99}b",
        "a?" * 6 + "b",
        "(a|a)" * 6 + "b",
        "(a|a)" * 4 + ".*a.*b",
        "a?" * 4 + ".*.*b",
    ],
)
def test_the_worst_allowed_patterns_are_fast(pattern: str) -> None:
    words = normalise("a" * 1000)
    started = time.process_time()
    assert safe_pattern(pattern, "here").search(words) is None
    assert time.process_time() - started < 0.5

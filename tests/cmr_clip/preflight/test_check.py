"""`cmr-clip check` finds everything that would stop a run, in one go, and nothing in a run that works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from cmr_clip.cli import main
from cmr_clip.preflight.configuration import read_plan
from cmr_clip.preflight.findings import Findings
from cmr_clip.preflight.memory import check_memory, estimate_memory
from cmr_clip.preflight.saved_tensors import SavedTensorMeter
from cmr_clip.preflight.trial import Trial
from preprocess.errors import PreprocessError
from tests.support.cohort import Cohort
from tests.support.paths import CONFIGS
from tests.support.runs import of_kind, options


def arguments(name: str, cohort: Cohort, root: Path, **more: object) -> list[str]:
    path = CONFIGS / name
    return ["--config", str(path), *options(cohort, root, **{**of_kind(path, cohort), **more})]


def lines(out: str) -> dict[str, str]:
    """Status of each check by its name; the worst where it speaks twice."""
    order = ["ok", "note", "failed"]
    found: dict[str, str] = {}
    for line in out.splitlines():
        status, _, rest = line.partition(" ")
        if status in order:
            check = rest.strip().split("  ")[0]
            found[check] = max(found.get(check, "ok"), status, key=order.index)
    return found


@pytest.mark.parametrize("name", ["demo/pretrain.yaml", "demo/lvef.yaml"])
def test_a_run_that_works_passes(name: str, cohort: Cohort, tmp_path: Path, capsys) -> None:
    given = arguments(name, cohort, tmp_path / "run")
    assert main(["check", *given, "--gpu-memory-gb", "80"]) == 0
    out = capsys.readouterr().out
    assert set(lines(out).values()) == {"ok"}, out
    assert {"configuration", "store", "clips", "splits", "model", "training step", "memory"} <= set(lines(out))
    assert f"next: cmr-clip fit {' '.join(given)}" in out
    assert not (tmp_path / "run").exists()


def test_all_problems_are_found_in_one_go(cohort: Cohort, tmp_path: Path, capsys) -> None:
    content = json.loads(cohort.sentences.read_text())
    content["tokenizer_sha256"] = "0" * 64
    del content["studies"][cohort.studies[0]]
    sentences = tmp_path / "sentences.json"
    sentences.write_text(json.dumps(content))
    wrong = {
        "data.init_args.splits": "/nowhere.csv",
        "data.init_args.sentences": sentences,
        "model.init_args.kinetics_weights": "/nowhere.pyth",
        "ckpt_path": "/nowhere.ckpt",
        "trainer.default_root_dir": sentences / "run",  # a file is no folder
    }
    given = arguments("demo/pretrain.yaml", cohort, tmp_path, **wrong)
    assert main(["check", *given]) == 1
    out = capsys.readouterr().out
    failed = {check for check, status in lines(out).items() if status == "failed"}
    assert failed == {"splits", "vocabulary", "weights", "checkpoint", "run folder"}, out
    assert "/nowhere.pyth" in out
    assert "cmr-preprocess reports --tokenizer" in out
    assert "5 of" in out


def test_an_unknown_field_is_named(cohort: Cohort, tmp_path: Path, capsys) -> None:
    assert main(["check", *arguments("demo/pretrain.yaml", cohort, tmp_path, **{"model.init_args.flod": 1})]) == 1
    out = capsys.readouterr().out
    assert "flod" in out
    assert lines(out)["configuration"] == "failed"


def test_studies_without_a_report_are_counted(cohort: Cohort, tmp_path: Path, capsys) -> None:
    content = json.loads(cohort.sentences.read_text())
    for study in (cohort.studies[0], *cohort.studies[10:13]):  # one of training, all of validation
        del content["studies"][study]
    sentences = tmp_path / "sentences.json"
    sentences.write_text(json.dumps(content))
    given = arguments("demo/pretrain.yaml", cohort, tmp_path, **{"data.init_args.sentences": sentences})
    assert main(["check", *given]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "1 of 10 studies of train have no report" in out
    assert "no study of val has a report" in out


def test_a_memory_that_does_not_suffice_fails(cohort: Cohort, tmp_path: Path) -> None:
    more = {"data.init_args.batch_size": 8}
    chunked = {**more, "model.init_args.chunk_size": 2}
    trial = Trial(1.0, 1.0, "32-true", weights=0, trained=0, optimizer=0, saved=(10**9, 2 * 10**9))
    needs = {"whole": (more, 1.15 * 8 + 1), "chunked": (chunked, 1.15 * 2 + 1)}
    for options_, need in needs.values():
        plan = read_plan(arguments("demo/pretrain.yaml", cohort, tmp_path, **options_))
        findings = Findings()
        check_memory(plan, trial, need - 0.1, findings)
        check_memory(plan, trial, need + 0.1, findings)
        assert [finding.status for finding in findings] == ["failed", "ok"]
        assert "batch_size" in findings[0].remedy


def test_the_meter_counts_what_a_backward_pass_needs() -> None:
    model = nn.Sequential(nn.Linear(10, 20, bias=False), nn.Tanh(), nn.Linear(20, 5, bias=False))
    meter = SavedTensorMeter(model)
    for _ in range(3):  # freed again after each step: the peak is of one
        with meter.watching():
            model(torch.randn(7, 10)).sum().backward()
    assert meter.peak == 4 * (7 * 10 + 7 * 20)  # the input, and tanh's output, kept twice but stored once


def test_the_estimate_is_linear_in_the_batch() -> None:
    trial = Trial(
        1.0, 1.0, "32-true", weights=4 * 10**9, trained=2 * 10**9, optimizer=4 * 10**9, saved=(3 * 10**9, 5 * 10**9)
    )
    estimate = estimate_memory(trial, 10, several_ranks=True)
    assert estimate.activations == pytest.approx(3 + 9 * 2)
    assert estimate.gradients == pytest.approx(4)
    assert estimate.total == pytest.approx(1.15 * (4 + 4 + 4 + 21) + 1)


def test_an_error_in_a_check_does_not_hide_the_next() -> None:
    findings = Findings()
    with findings.attempt("first"):
        raise PreprocessError("broken", "mend it")
    with findings.attempt("second"):
        raise FileNotFoundError("gone")
    with findings.attempt("third"):
        findings.ok("third", "fine")
    with pytest.raises(ZeroDivisionError), findings.attempt("fourth"):
        _ = 1 / 0  # a defect, not a finding
    assert [(finding.check, finding.status) for finding in findings] == [
        ("first", "failed"),
        ("second", "failed"),
        ("third", "ok"),
    ]
    assert findings[0].remedy == "mend it"

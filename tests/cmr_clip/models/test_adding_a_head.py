"""Adding a head is local: five classes, unknown to the library, beside a number and a finding through every command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from torch import Tensor

from cmr_clip import from_pretrained, load_study_model
from cmr_clip.cli import main
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.explore.annotations import predicted_columns
from tests.support.cohort import Cohort
from tests.support.group_head import CLASSES, TARGETS, group_recipe, label_file

pytestmark = pytest.mark.usefixtures("group_is_known")


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"study": str, "patient": str})


def metrics_and_rows(run: Path, options: Sequence[str]) -> tuple[dict[str, float], pd.DataFrame]:
    """Metrics and predictions that `test` writes for the last checkpoint of a run."""
    assert main(["test", *options, "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    out = Path(yaml.safe_load(Path(options[1]).read_text())["trainer"]["default_root_dir"])
    return json.loads((out / "test_metrics.json").read_text()), table(out / "predictions.csv")


def study_clips(cohort: Cohort) -> Iterator[tuple[str, Tensor]]:
    """Key and clips of each study, as the run made them."""
    data = StudyBagDataModule(cohort.store, clip=ClipSpec(n_frames=4, size=32), studies_per_eval_batch=1)
    for raw in data.predict_dataloader():
        batch = data.prepare(raw)
        yield batch["study"][0], batch["clips"]


def test_the_table_has_a_row_per_class_with_its_truth_and_metrics_stand_beside_the_reference(
    group_run: Path, cohort: Cohort, tmp_path: Path
) -> None:
    metrics, rows = metrics_and_rows(group_run, group_recipe(tmp_path, cohort, group_run / "labels.csv"))
    assert {f"test/group/{name}" for name in ("accuracy", "accuracy_most_frequent", "auroc_NOR", "auroc_RV")} <= set(
        metrics
    )
    assert {"test/dilated/auroc", "test/lvef_percent/mae", "test/lvef_percent/mae_mean_predictor"} <= set(metrics)
    assert list(rows) == ["study", "patient", "target", "truth", "score", "model"]
    names = ["lvef_percent", "dilated", *(f"group:{name}" for name in CLASSES)]
    assert rows.groupby("study")["target"].agg(list).tolist() == [names] * 3
    groups = rows[rows["target"].str.startswith("group:")].set_index(["study", "target"])
    assert groups["score"].groupby("study").sum().tolist() == pytest.approx([1.0] * 3)
    for number in (13, 14, 15):
        truth = groups.loc[cohort.studies[number], "truth"]
        assert truth.isna().all() if number == 13 else truth[f"group:{CLASSES[number % 5]}"] == truth.sum() == 1
    attention = table(tmp_path / "attention.csv").groupby(["study", "target"])["weight"].sum()
    assert attention.to_dict() == pytest.approx({(s, t): 1.0 for s in cohort.studies[13:] for t in TARGETS})
    known = groups.dropna()["score"].unstack()
    wanted = [f"group:{CLASSES[cohort.studies.index(study) % 5]}" for study in known.index]
    assert metrics["test/group/accuracy"] == pytest.approx((known.idxmax(axis=1) == wanted).mean())


def test_the_map_shows_each_class(group_run: Path, cohort: Cohort, tmp_path: Path) -> None:
    metrics_and_rows(group_run, group_recipe(tmp_path, cohort, group_run / "labels.csv"))
    wide = predicted_columns(tmp_path / "predictions.csv")
    assert {"predicted lvef_percent", "predicted dilated", "predicted group:MINF"} <= set(wide)
    assert len(wide) == 3


def test_the_study_model_says_what_the_table_says(group_run: Path, cohort: Cohort, tmp_path: Path) -> None:
    last = group_run / "checkpoints" / "last.ckpt"
    options = group_recipe(tmp_path, cohort, group_run / "labels.csv")
    assert main(["predict", *options, "--ckpt_path", str(last)]) == 0
    rows = table(tmp_path / "predictions.csv")
    assert rows["truth"].isna().all()
    scores = rows.set_index(["study", "target"])["score"]
    model, receipt = load_study_model(last)
    assert "heads.2.frequencies" in receipt.loaded
    assert float(model.heads[2].frequencies.sum()) == pytest.approx(1)
    for study, clips in study_clips(cohort):
        results = model.results(clips)
        group = results["group"]
        assert (group.outputs, group.score.shape, group.logit.shape, group.attention.shape) == (
            CLASSES,
            (5,),
            (5,),
            (len(clips),),
        )
        assert dict(zip(CLASSES, group.score.tolist(), strict=True)) == pytest.approx(
            {name: scores[study, f"group:{name}"] for name in CLASSES}, rel=1e-4
        )
        for target in ("lvef_percent", "dilated"):
            assert results[target].outputs == results[target].score.shape == results[target].logit.shape == ()
            assert results[target].score.item() == pytest.approx(scores[study, target], rel=1e-4, abs=1e-5)


def test_an_export_comes_back_and_its_card_says_what_each_head_predicts(group_run: Path, tmp_path: Path) -> None:
    last, out = group_run / "checkpoints" / "last.ckpt", tmp_path / "exported"
    assert main(["export", "--checkpoint", str(last), "--out", str(out)]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["heads"][2] == {"kind": "GroupHead", "target": "group", "classes": list(CLASSES)}
    assert json.loads((out / "preprocessing.json").read_text())["labels"] == list(TARGETS)
    card = (out / "README.md").read_text()
    assert "- `group` of a study: probabilities of NOR, DCM, HCM, MINF, RV, with the attention" in card
    assert "- `dilated` of a study: a probability, with the attention" in card
    assert "- `lvef_percent` of a study: 100 × logit, in its unit, with the attention" in card
    clips = torch.randn(4, 1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    (ours, _), (theirs, _) = load_study_model(last), load_study_model(out)
    for target, wanted in ours.results(clips).items():
        found = theirs.results(clips)[target]
        assert torch.equal(found.score, wanted.score)
        assert torch.equal(found.attention, wanted.attention)
    chosen, _ = load_study_model(out, target="group")
    assert torch.equal(chosen(clips).score, ours.results(clips)["group"].score)
    assert torch.equal(from_pretrained(out)(clips), ours.project(ours.features(clips)))


def test_the_order_of_heads_changes_nothing(group_run: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(group_run / "checkpoints" / "last.ckpt", weights_only=True)
    state, heads = checkpoint["state_dict"], checkpoint["cmr_clip"]["heads"]
    order, rows = (2, 0, 1), [2, 3, 4, 5, 6, 0, 1]
    checkpoint["cmr_clip"]["heads"] = [heads[index] for index in order]
    moved = {name: value for name, value in state.items() if not name.startswith("heads.")}
    for new, old in enumerate(order):
        prefix = f"heads.{old}."
        moved |= {f"heads.{new}.{n.removeprefix(prefix)}": v for n, v in state.items() if n.startswith(prefix)}
    for kind in ("weight", "bias"):
        moved[f"classifier_head.attention_net.6.attention_c.{kind}"] = state[
            f"classifier_head.attention_net.6.attention_c.{kind}"
        ][list(order)]
        name = f"classifier_head.classifier_head.fc.0.{kind}"
        moved[name] = state[name][rows]
    torch.save({**checkpoint, "state_dict": moved}, tmp_path / "moved.ckpt")
    clips = torch.randn(3, 1, 4, 32, 32, generator=torch.Generator().manual_seed(2))
    ours, theirs = (
        load_study_model(path)[0] for path in (group_run / "checkpoints" / "last.ckpt", tmp_path / "moved.ckpt")
    )
    assert theirs.targets == ("group", "lvef_percent", "dilated")
    for target, wanted in ours.results(clips).items():
        torch.testing.assert_close(theirs.results(clips)[target].score, wanted.score)
        torch.testing.assert_close(theirs.results(clips)[target].attention, wanted.attention)


def test_batches_of_one_study_say_the_same(group_run: Path, cohort: Cohort, tmp_path: Path) -> None:
    labels = group_run / "labels.csv"
    many, of_many = metrics_and_rows(group_run, group_recipe(tmp_path / "many", cohort, labels))
    single, of_single = metrics_and_rows(group_run, group_recipe(tmp_path / "single", cohort, labels, studies=1))
    of_single = of_single.sort_values(["study", "target"]).reset_index(drop=True)
    of_many = of_many.sort_values(["study", "target"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(of_single, of_many, rtol=1e-4)
    assert {name for name in single if "/loss" not in name} == {name for name in many if "/loss" not in name}
    assert main(["fit", *group_recipe(tmp_path / "fit", cohort, labels, studies=1), "--trainer.max_epochs", "1"]) == 0


def test_what_is_not_defined_is_absent(group_run: Path, cohort: Cohort, tmp_path: Path) -> None:
    changes = {("dilated", number): 1 for number in (13, 14)} | {("group", number): "HCM" for number in (13, 14, 15)}
    labels = label_file(tmp_path / "labels.csv", cohort, changes)
    metrics, _ = metrics_and_rows(group_run, group_recipe(tmp_path, cohort, labels))
    assert {name for name in metrics if name.startswith("test/dilated")} == set()
    assert {name for name in metrics if name.startswith("test/group")} == {
        "test/group/accuracy",
        "test/group/accuracy_most_frequent",
    }
    nothing = label_file(tmp_path / "none.csv", cohort, {(t, n): "" for t in TARGETS for n in (13, 14, 15)})
    metrics, rows = metrics_and_rows(group_run, group_recipe(tmp_path / "none", cohort, nothing))
    assert (metrics, rows["truth"].notna().sum(), len(rows)) == ({}, 0, 21)

"""Adding a head is local: five classes, unknown to the library, beside a number and a finding through every command."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from cmr_clip import from_pretrained, load_study_model
from cmr_clip.cli import main
from cmr_clip.clips.spec import ClipSpec
from cmr_clip.data.bag_module import StudyBagDataModule
from cmr_clip.encoders.mvit.presets import mvit_tiny
from cmr_clip.errors import CmrClipError
from cmr_clip.explore.annotations import predicted_columns
from cmr_clip.metrics.ranking import DefinedAUROC
from cmr_clip.models.head_registry import heads_from_description, register_head, registered_head
from cmr_clip.models.heads import BinaryHead, Head, RegressionHead, class_index
from cmr_clip.tasks.finetuning import StudyFinetuning
from tests.support.cohort import Cohort

CLASSES = ("NOR", "DCM", "HCM", "MINF", "RV")
TARGETS = ("lvef_percent", "dilated", "group")
UNLABELLED = {"lvef_percent": (1, 10, 13), "dilated": (2, 11, 15), "group": (3, 12, 13)}  # of train, val and test


class OneAgainstRest(DefinedAUROC):
    """AUROC of one class, `[B, K]` probabilities against `[B]` classes; NaN where it or all others are absent."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds[:, self.index], (target == self.index).long())


class GroupHead(Head):
    """One of K classes: cross-entropy, prediction = a probability for each.

    Args:
        target: the label column, which holds names of classes.
        classes: K names.
    """

    frequencies: Tensor

    def __init__(self, target: str, classes: Sequence[str] = CLASSES) -> None:
        super().__init__(target, width=len(classes), outputs=classes)
        self.register_buffer("frequencies", torch.full((len(classes),), torch.nan))

    takes = property(lambda self: f"one of {', '.join(self.outputs)}")
    prediction = property(lambda self: f"probabilities of {', '.join(self.outputs)}")

    def truth(self, *cells: float | str) -> int | None:
        return class_index(cells[0], self.outputs)

    def score_truth(self, truth: Tensor) -> Tensor:
        hits = (truth[:, None] == torch.arange(self.width, device=truth.device)).float()
        return hits.masked_fill(truth.isnan()[:, None], torch.nan)

    def arguments(self) -> dict[str, Any]:
        return {"target": self.target, "classes": list(self.outputs)}

    def fit_labels(self, labels: Tensor) -> Tensor:
        counts = torch.bincount(labels.long(), minlength=self.width) + 1
        self.frequencies.copy_(counts / counts.sum())
        return self.frequencies.log()

    def loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        return F.cross_entropy(logits, truth.long())

    def predict(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)

    def metrics(self) -> MetricCollection:
        ranking = {f"auroc_{name}": OneAgainstRest(index) for index, name in enumerate(self.outputs)}
        return MetricCollection({"accuracy": MulticlassAccuracy(self.width, average="micro"), **ranking})

    def metric_target(self, truth: Tensor) -> Tensor:
        return truth.long()

    def reference(self, truth: Tensor) -> dict[str, Tensor]:
        return {"accuracy_most_frequent": (truth == self.frequencies.argmax()).float()}


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with registered_head(GroupHead):
        yield


HEADS = {
    "lvef_percent": {"class_path": "cmr_clip.models.heads.RegressionHead", "init_args": {"target": "lvef_percent"}},
    "dilated": {"class_path": "cmr_clip.models.heads.BinaryHead", "init_args": {"target": "dilated"}},
    "group": {"class_path": f"{GroupHead.__module__}.{GroupHead.__qualname__}", "init_args": {"target": "group"}},
}


def label_file(path: Path, cohort: Cohort, changes: Mapping[tuple[str, int], object] = {}) -> Path:
    """Labels of the cohort, one missing of each target in each split; `changes` by (target, number of study)."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("study", *TARGETS))
        for number, study in enumerate(cohort.studies):
            own = {"lvef_percent": 40 + number, "dilated": number % 2, "group": CLASSES[number % 5]}
            own |= {target: "" for target, numbers in UNLABELLED.items() if number in numbers}
            own |= {target: value for (target, row), value in changes.items() if row == number}
            rows.writerow((study, *(own[target] for target in TARGETS)))
    return path


def recipe(root: Path, cohort: Cohort, labels: Path, targets: Sequence[str] = TARGETS, studies: int = 4) -> list[str]:
    """The options of a run on the CPU, in batches of so many studies."""
    trainer = {"accelerator": "cpu", "max_epochs": 2, "num_sanity_val_steps": 0, "logger": False}
    callbacks = [f"cmr_clip.training.callbacks.predictions.{name}" for name in ("PredictionTables", "MetricsFile")]
    keeper = {"save_last": True, "save_top_k": 0}
    callbacks = [{"class_path": name} for name in callbacks]
    callbacks.append({"class_path": "pytorch_lightning.callbacks.ModelCheckpoint", "init_args": keeper})
    encoder = {"class_path": "cmr_clip.encoders.mvit.presets.mvit_tiny", "init_args": {"frames": 4, "size": 32}}
    data = {"store": str(cohort.store), "splits": str(cohort.splits), "labels": str(labels)}
    sizes = {"batch_size": studies, "studies_per_eval_batch": studies, "clip": {"n_frames": 4, "size": 32}}
    content = {
        "seed_everything": 3,
        "trainer": {**trainer, "default_root_dir": str(root), "callbacks": callbacks},
        "model": {
            "class_path": "cmr_clip.tasks.finetuning.StudyFinetuning",
            "init_args": {"video_encoder": encoder, "embed_dim": 16, "heads": [HEADS[target] for target in targets]},
        },
        "data": {"class_path": "cmr_clip.data.bag_module.StudyBagDataModule", "init_args": {**data, **sizes}},
    }
    root.mkdir(parents=True, exist_ok=True)
    path = root / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return ["--config", str(path)]


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"study": str, "patient": str})


def metrics_and_rows(run: Path, options: Sequence[str]) -> tuple[dict[str, float], pd.DataFrame]:
    """Metrics and predictions that `test` writes for the last checkpoint of a run."""
    assert main(["test", *options, "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    out = Path(yaml.safe_load(Path(options[1]).read_text())["trainer"]["default_root_dir"])
    return json.loads((out / "test_metrics.json").read_text()), table(out / "predictions.csv")


@pytest.fixture(scope="module")
def run(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with three heads."""
    root = tmp_path_factory.mktemp("three") / "run"
    root.mkdir()
    with registered_head(GroupHead):
        assert main(["fit", *recipe(root, cohort, label_file(root / "labels.csv", cohort))]) == 0
    return root


def study_clips(cohort: Cohort) -> Iterator[tuple[str, Tensor]]:
    """Key and clips of each study, as the run made them."""
    data = StudyBagDataModule(cohort.store, clip=ClipSpec(n_frames=4, size=32), studies_per_eval_batch=1)
    for raw in data.predict_dataloader():
        batch = data.prepare(raw)
        yield batch["study"][0], batch["clips"]


def test_the_table_has_a_row_per_class_with_its_truth_and_metrics_stand_beside_the_reference(
    run: Path, cohort: Cohort, tmp_path: Path
) -> None:
    metrics, rows = metrics_and_rows(run, recipe(tmp_path, cohort, run / "labels.csv"))
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


def test_the_map_shows_each_class(run: Path, cohort: Cohort, tmp_path: Path) -> None:
    metrics_and_rows(run, recipe(tmp_path, cohort, run / "labels.csv"))
    wide = predicted_columns(tmp_path / "predictions.csv")
    assert {"predicted lvef_percent", "predicted dilated", "predicted group:MINF"} <= set(wide)
    assert len(wide) == 3


def test_the_study_model_says_what_the_table_says(run: Path, cohort: Cohort, tmp_path: Path) -> None:
    last = run / "checkpoints" / "last.ckpt"
    options = recipe(tmp_path, cohort, run / "labels.csv")
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


def test_an_export_comes_back_and_its_card_says_what_each_head_predicts(run: Path, tmp_path: Path) -> None:
    last, out = run / "checkpoints" / "last.ckpt", tmp_path / "exported"
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


def test_the_order_of_heads_changes_nothing(run: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
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
    ours, theirs = (load_study_model(path)[0] for path in (run / "checkpoints" / "last.ckpt", tmp_path / "moved.ckpt"))
    assert theirs.targets == ("group", "lvef_percent", "dilated")
    for target, wanted in ours.results(clips).items():
        torch.testing.assert_close(theirs.results(clips)[target].score, wanted.score)
        torch.testing.assert_close(theirs.results(clips)[target].attention, wanted.attention)


def task_with(*heads: Head) -> StudyFinetuning:
    torch.manual_seed(0)
    return StudyFinetuning(mvit_tiny(4, 32), list(heads), embed_dim=8, dropout=0.0)


def features_of(labels: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    count = len(next(iter(labels.values())))
    generator = torch.Generator().manual_seed(4)
    return {
        "features": torch.randn(2 * count, 256, generator=generator),
        "counts": torch.full((count,), 2),
        "study": [str(number) for number in range(count)],
        "labels": {target: torch.tensor(values) for target, values in labels.items()},
    }


def test_the_loss_is_the_mean_over_heads_of_labelled_studies_only() -> None:
    nan, heads = float("nan"), [RegressionHead("a"), BinaryHead("b"), GroupHead("c")]
    task = task_with(*heads)
    batch = features_of({"a": [50.0, nan, nan], "b": [nan, 1.0, 0.0], "c": [nan, nan, 3.0]})
    logits = task(batch).logits
    parts = [
        F.huber_loss(100 * logits[:1, 0], torch.tensor([50.0])),
        F.binary_cross_entropy_with_logits(logits[1:, 1], torch.tensor([1.0, 0.0])),
        F.cross_entropy(logits[2:, 2:], torch.tensor([3])),
    ]
    torch.testing.assert_close(task.training_step(batch, 0), sum(parts) / 3)
    batch["labels"]["c"] = torch.full((3,), nan)
    torch.testing.assert_close(task.training_step(batch, 0), (parts[0] + parts[1]) / 2)
    one = features_of({"a": [nan], "b": [nan], "c": [2.0]})
    torch.testing.assert_close(task.training_step(one, 0), F.cross_entropy(task(one).logits[:, 2:], torch.tensor([2])))
    nothing = features_of({"a": [nan, nan], "b": [nan, nan], "c": [nan, nan]})
    loss = task.training_step(nothing, 0)
    loss.backward()
    assert float(loss) == 0
    assert not any(p.grad.any() for p in task.parameters() if p.grad is not None)


def test_batches_of_one_study_say_the_same(run: Path, cohort: Cohort, tmp_path: Path) -> None:
    labels = run / "labels.csv"
    many, of_many = metrics_and_rows(run, recipe(tmp_path / "many", cohort, labels))
    single, of_single = metrics_and_rows(run, recipe(tmp_path / "single", cohort, labels, studies=1))
    of_single = of_single.sort_values(["study", "target"]).reset_index(drop=True)
    of_many = of_many.sort_values(["study", "target"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(of_single, of_many, rtol=1e-4)
    assert {name for name in single if "/loss" not in name} == {name for name in many if "/loss" not in name}
    assert main(["fit", *recipe(tmp_path / "fit", cohort, labels, studies=1), "--trainer.max_epochs", "1"]) == 0


def test_what_is_not_defined_is_absent(run: Path, cohort: Cohort, tmp_path: Path) -> None:
    changes = {("dilated", number): 1 for number in (13, 14)} | {("group", number): "HCM" for number in (13, 14, 15)}
    labels = label_file(tmp_path / "labels.csv", cohort, changes)
    metrics, _ = metrics_and_rows(run, recipe(tmp_path, cohort, labels))
    assert {name for name in metrics if name.startswith("test/dilated")} == set()
    assert {name for name in metrics if name.startswith("test/group")} == {
        "test/group/accuracy",
        "test/group/accuracy_most_frequent",
    }
    nothing = label_file(tmp_path / "none.csv", cohort, {(t, n): "" for t in TARGETS for n in (13, 14, 15)})
    metrics, rows = metrics_and_rows(run, recipe(tmp_path / "none", cohort, nothing))
    assert (metrics, rows["truth"].notna().sum(), len(rows)) == ({}, 0, 21)


def test_a_class_name_that_the_head_does_not_know_is_one_clear_error(
    cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = label_file(tmp_path / "labels.csv", cohort, {("group", 4): "ARVC", ("group", 9): "John Doe"})
    assert main(["fit", *recipe(tmp_path, cohort, labels)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert f"{labels}: column group holds 2 of 13 labels that target 'group' does not take, the first in row 5" in line
    assert "NOR, DCM, HCM, MINF, RV" in line
    for word in ("John", *cohort.studies, *cohort.patients):
        assert word not in line


def test_a_column_that_is_missing_or_empty_is_named(
    cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *recipe(tmp_path, cohort, cohort.labels)]) == 1
    assert f"no column 'group' in {cohort.labels}" in capsys.readouterr().err
    labels = label_file(tmp_path / "labels.csv", cohort, {("group", number): "" for number in range(10)})
    assert main(["fit", *recipe(tmp_path, cohort, labels)]) == 1
    assert "no training study has a label for target 'group'" in capsys.readouterr().err
    labels = label_file(tmp_path / "one.csv", cohort, {("dilated", number): 1 for number in range(10)})
    assert main(["fit", *recipe(tmp_path, cohort, labels)]) == 1
    assert "target 'dilated': 10 ones and 0 zeros" in capsys.readouterr().err


def test_numbers_may_name_classes() -> None:
    assert [class_index(cell, ("1", "2", "3.5")) for cell in (1.0, 2.0, 3.5, "2", 4.0, "")] == [0, 1, 2, 1, None, None]


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


def test_two_heads_of_one_name_are_refused(cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = recipe(tmp_path, cohort, label_file(tmp_path / "labels.csv", cohort), ("group", "dilated", "group"))
    assert main(["fit", *options]) == 1
    assert "several heads predict group, group:DCM" in capsys.readouterr().err


class TestAfterwards:
    """Outside the `with` block the kind is unknown again."""

    @pytest.fixture(autouse=True)
    def known(self) -> None:
        """Nothing is registered here."""

    def test_the_kind_is_unknown_again(self, run: Path) -> None:
        with pytest.raises(CmrClipError, match=r"a head that this version does not know: .*GroupHead.*known are Bin"):
            load_study_model(run / "checkpoints" / "last.ckpt")

"""The data of a run: store, splits, reports, labels, and a clip of each view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cmr_clip.clips.reader import ClipKey, ClipReader, clip_keys
from cmr_clip.preflight.configuration import Plan
from cmr_clip.preflight.findings import Findings
from preprocess.labels.splits import SPLITS, read_splits, studies_of_split, with_studies
from preprocess.labels.table import read_labels
from preprocess.reports.index import SentenceIndex, read_sentences
from preprocess.reports.tokenizer import load_tokenizer
from preprocess.store.manifest import ClipColumn

__all__ = ["check_data"]


def check_data(plan: Plan, findings: Findings) -> None:
    """Check every file that the data module is given; one that is missing does not hide another."""
    data = plan.data
    manifest = _store(data, findings)
    splits = _splits(data, manifest, findings)
    if "sentences" in data:
        _sentences(plan, splits, findings)
    if data.get("labels") is not None:
        with findings.attempt("labels"):
            table = read_labels(Path(data["labels"]))
            if splits is not None:
                table = table[table.index.isin(studies_of_split(splits, "train"))]
            counts = ", ".join(f"{name} {int(count)}" for name, count in table.notna().sum().items())
            findings.ok("labels", f"training studies with a value: {counts}")


def _store(data: Any, findings: Findings) -> pd.DataFrame | None:
    manifest = None
    with findings.attempt("store"):
        manifest = clip_keys(Path(data["store"]), data["views"])
        views = ", ".join(
            f"{view} {count}" for view, count in manifest[ClipColumn.VIEW].value_counts().sort_index().items()
        )
        findings.ok("store", f"{manifest[ClipColumn.STUDY].nunique()} studies, {len(manifest)} clips: {views}")
    if manifest is not None:
        with findings.attempt("clips"):
            reader = ClipReader(Path(data["store"]), data["clip"]["n_frames"])
            sizes = []
            for view, rows in manifest.groupby(ClipColumn.VIEW):
                row = rows.iloc[0]
                clip = reader.read(
                    ClipKey(row[ClipColumn.PATIENT], row[ClipColumn.STUDY], str(view), int(row[ClipColumn.SLICE]))
                )
                sizes.append(f"{view} {' × '.join(str(n) for n in clip.frames.shape)}")
            findings.ok("clips", f"read one of each view: {', '.join(sizes)} (frames, rows, columns)")
    return manifest


def _splits(data: Any, manifest: pd.DataFrame | None, findings: Findings) -> pd.DataFrame | None:
    """The split table, restricted to the studies of the store if that can be read."""
    if data.get("splits") is None:
        findings.failed("splits", "data.init_args.splits is not set", "make it with cmr-preprocess splits")
        return None
    table = None
    with findings.attempt("splits"):
        table = read_splits(Path(data["splits"]))
        if manifest is not None:
            table = with_studies(table, manifest[ClipColumn.STUDY])
        counts = {split: len(studies_of_split(table, split)) for split in SPLITS}
        detail = ", ".join(f"{name} {count}" for name, count in counts.items()) + " studies in the store"
        if counts["train"] and counts["val"]:
            findings.ok("splits", detail)
        else:
            findings.failed("splits", detail, f"is {data['splits']} of this store?")
    return table


def _sentences(plan: Plan, splits: pd.DataFrame | None, findings: Findings) -> None:
    path = Path(plan.data["sentences"])
    index = None
    with findings.attempt("reports"):
        index = read_sentences(path)
        findings.ok("reports", f"{len(index.studies)} studies with a report")
    if index is None:
        return
    if splits is not None:
        _studies_without_report(path, index, splits, findings)
    text_encoder = plan.model.get("text_encoder") or {}
    source = (text_encoder.get("init_args") or {}).get("source")
    if source is not None:
        with findings.attempt("vocabulary"):
            if load_tokenizer(str(source)).sha256 == index.tokenizer_sha256:
                findings.ok("vocabulary", f"the reports were tokenised for {source}")
            else:
                findings.failed(
                    "vocabulary",
                    f"the reports were tokenised with {index.tokenizer}, whose vocabulary is not that of {source}",
                    f"make the sentence index again with cmr-preprocess reports --tokenizer {source}",
                )


def _studies_without_report(path: Path, index: SentenceIndex, splits: pd.DataFrame, findings: Findings) -> None:
    for split in ("train", "val"):
        studies = studies_of_split(splits, split)
        missing = int((~studies.isin(list(index.studies))).sum())
        if len(studies) and missing == len(studies):
            findings.failed(
                "reports", f"no study of {split} has a report in {path}", "were both made with one site key?"
            )
        elif missing:
            findings.note("reports", f"{missing} of {len(studies)} studies of {split} have no report and are left out")

"""Recognise findings by sentences alone: no head, no training on labels.

Scores each study by how much closer its clips lie to the sentences for a finding than to those against it. With
labels it also states the AUROC of each finding.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint of contrastive pretraining")
    parser.add_argument("--embeddings", type=Path, required=True, help="table written by cmr-clip embed with it")
    parser.add_argument("--probes", type=Path, required=True, help="YAML of sentences, see configs/probes/phantom.yaml")
    parser.add_argument("--labels", type=Path, default=None, help="CSV study plus columns, for the AUROC")
    parser.add_argument("--splits", type=Path, default=None, help="CSV patient,study,split: score one split only")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"), help="which (default: test)")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write: study, patient, target, truth, score")


def run(args: argparse.Namespace) -> int:
    """Score, write, print."""
    from cmr_clip.data.probes import probe_truth, read_probes
    from cmr_clip.errors import CmrClipError
    from cmr_clip.inference.tables import read_embeddings
    from cmr_clip.inference.zero_shot import score_studies
    from cmr_clip.weights.pair import load_contrastive
    from preprocess.labels.splits import read_splits
    from preprocess.labels.table import read_labels
    from preprocess.system.files import write_text

    probes = read_probes(args.probes)
    keys, vectors = read_embeddings(args.embeddings)
    if args.splits is not None:
        table = read_splits(args.splits)
        chosen = keys["study"].isin(table.loc[table["split"] == args.split, "study"]).to_numpy()
        keys, vectors = keys[chosen].reset_index(drop=True), vectors[chosen]
        if keys.empty:
            raise CmrClipError(f"no study of split {args.split!r} is in {args.embeddings}", "are both of one store?")
    truth = None if args.labels is None else probe_truth(read_labels(args.labels), probes)
    result = score_studies(load_contrastive(args.checkpoint), keys, vectors, probes, truth)
    write_text(args.out, result.predictions.to_csv(index=False))
    say = console().print
    if truth is not None:
        say(result.aurocs.round(3).to_string(index=False))
    say(f"wrote {len(result.predictions)} scores of {keys['study'].nunique()} studies: {args.out}")
    return 0

"""Recognise findings by sentences alone: no head, no training on labels.

Scores each study by how much closer its clips lie to the sentences for a finding than to those against it. With
labels it also states the AUROC of each finding.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cmr_clip.commands.options import add_checkpoint
from preprocess.commands.console import console


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_checkpoint(parser, "checkpoint of contrastive pretraining")
    parser.add_argument("--embeddings", type=Path, required=True, help="table written by cmr-clip embed with it")
    parser.add_argument("--probes", type=Path, required=True, help="YAML of sentences, see configs/probes/phantom.yaml")
    parser.add_argument("--labels", type=Path, default=None, help="CSV study plus columns, for the AUROC")
    parser.add_argument("--splits", type=Path, default=None, help="CSV patient,study,split: score one split only")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"), help="which (default: test)")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write: study, patient, target, truth, score")


def run(args: argparse.Namespace) -> int:
    """Score, write, print."""
    from cmr_clip.inference.zero_shot import score_findings
    from cmr_clip.runtime.outputs import check_file_place
    from cmr_clip.tables.predictions import write_predictions

    check_file_place(args.out)
    result = score_findings(
        args.checkpoint, args.embeddings, args.probes, labels=args.labels, splits=args.splits, split=args.split
    )
    write_predictions(args.out, result.predictions)
    say = console().print
    if args.labels is not None:
        say(result.aurocs.round(3).to_string(index=False))
    say(f"wrote {len(result.predictions)} scores of {result.n_studies} studies: {args.out}")
    return 0

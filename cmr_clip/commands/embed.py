"""Embed every clip of a study store with a trained encoder.

Writes a Parquet table with a row per clip: study, patient, view, slice, and the L2-normalised embedding in the
columns e0, e1, … Clips are made as the weights want them: their preprocessing is stored beside them, and weights of
the paper's authors come with the authors' input scaling.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cmr_clip.commands.options import add_checkpoint
from preprocess.commands.console import console, progress_bar
from preprocess.store.manifest import ClipColumn


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_checkpoint(parser)
    parser.add_argument("--store", type=Path, required=True, help="study store made by cmr-preprocess convert")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--batch-studies", type=int, default=4, help="studies embedded at a time (default: 4)")
    parser.add_argument("--workers", type=int, default=0, help="reading processes (default: 0)")
    parser.add_argument("--device", default=None, help="torch device (default: cuda if there is one, else cpu)")


def run(args: argparse.Namespace) -> int:
    """Embed and write."""
    from cmr_clip.inference.embed import embed_store
    from cmr_clip.runtime.outputs import check_file_place
    from cmr_clip.tables.embeddings import write_embeddings

    check_file_place(args.out)
    with progress_bar() as progress:
        table = embed_store(
            args.checkpoint,
            args.store,
            batch_studies=args.batch_studies,
            num_workers=args.workers,
            device=args.device,
            track=lambda loader: progress.track(loader, description="embedding studies"),
        )
    write_embeddings(table, args.out)
    say = console().print
    say(f"wrote {len(table)} clip embeddings of {table[ClipColumn.STUDY].nunique()} studies: {args.out}")
    say(f"next: cmr-clip umap --embeddings {args.out} --store {args.store} --out {args.out.parent / 'map'}")
    return 0

"""Map an embeddings table: a picture, coordinates, and a self-contained page of beating hearts.

UMAP (cosine) is fitted over clips and over studies. Points can be coloured by view, by anything the store knows
and by any column of the label tables. Studies given with --place are put on the finished map and change nothing in
it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console, progress_bar

_NOTICE = "Research software. Not for clinical use."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--embeddings", type=Path, required=True, metavar="FILE", help="Parquet table of cmr-clip embed"
    )
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="the study store they were made from")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the map")
    parser.add_argument(
        "--labels", type=Path, nargs="+", default=[], metavar="CSV", help="tables with `study` and targets"
    )
    parser.add_argument("--predictions", type=Path, metavar="CSV", help="predictions to show beside the labels")
    parser.add_argument("--color", nargs="+", metavar="NAME", help="variables of the picture (default: all, up to 9)")
    parser.add_argument("--unit", choices=("study", "clip"), default="study", help="what the page opens with")
    parser.add_argument("--notice", default=_NOTICE, metavar="TEXT", help="a notice shown on the page")
    parser.add_argument(
        "--thumbnails", type=float, default=32.0, metavar="MB", help="space for moving thumbnails (default: 32)"
    )
    placed = parser.add_argument_group("studies from elsewhere, placed on the finished map")
    placed.add_argument("--place", type=Path, metavar="FILE", help="their embeddings")
    placed.add_argument("--place-store", type=Path, metavar="DIR", help="their store")
    placed.add_argument("--place-predictions", type=Path, metavar="CSV", help="their predictions")
    fit = parser.add_argument_group("UMAP")
    fit.add_argument("--neighbours", type=int, default=15, metavar="N", help="size of a neighbourhood (default: 15)")
    fit.add_argument("--min-dist", type=float, default=0.1, metavar="D", help="least distance (default: 0.1)")
    fit.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Make the map."""
    from cmr_clip.explore.projection import UmapSettings
    from cmr_clip.explore.workflow import MapRequest, map_embeddings

    request = MapRequest(
        embeddings=args.embeddings,
        store=args.store,
        out=args.out,
        labels=tuple(args.labels),
        predictions=args.predictions,
        colours=tuple(args.color) if args.color else None,
        unit=args.unit,
        notice=args.notice,
        thumbnail_bytes=int(args.thumbnails * 1e6),
        place=args.place,
        place_store=args.place_store,
        place_predictions=args.place_predictions,
        settings=UmapSettings(args.neighbours, args.min_dist, args.seed),
    )
    say = console().print
    say("projecting the embeddings …")
    with progress_bar() as progress:
        result = map_embeddings(
            request, lambda strips, total: progress.track(strips, total=total, description="moving thumbnails")
        )
    if result.n_thumbnails < result.n_clips:
        say(f"{result.n_thumbnails} of {result.n_clips} clips have a thumbnail (raise --thumbnails for more)")
    for name, found in result.silhouettes.items():
        score = "not defined" if found["score"] is None else f"{found['score']:+.3f}"
        points = f"{found['n_classes']} classes, {found['n']} {found['unit']} points"
        over_clips = "" if found["clip_score"] is None else f"; over clips {found['clip_score']:+.3f}"
        say(f"silhouette by {name}: {score} ({points}{over_clips})")
    say(f"wrote {result.picture} and {result.page}")
    say(f"next: open {result.page} in a browser")
    return 0

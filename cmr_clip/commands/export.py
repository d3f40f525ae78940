"""Write weights as a folder that others can load: tensors, description, preprocessing and a model card.

The folder holds model.safetensors, config.json, preprocessing.json and README.md, with the heads of a fine-tuned
model or the text tower of a contrastive one. The card states what the files say; what the model was trained on is
for --notes. It names no study, no patient and no path.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        help="checkpoint of cmr-clip fit or of the paper's authors, or an exported folder",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--onnx", action="store_true", help="also write the video encoder as model.onnx, checked")
    parser.add_argument("--licence", default=None, help="licence of the weights, for the model card")
    parser.add_argument("--notes", type=Path, default=None, help="Markdown file: training data and limits")
    parser.add_argument(
        "--legacy-positional-embeddings",
        type=Path,
        default=None,
        help="Kinetics file; for the authors' contrastive checkpoint only, to reproduce their published numbers",
    )


def run(args: argparse.Namespace) -> int:
    """Read, check and write."""
    from cmr_clip.weights.export import export_weights
    from cmr_clip.weights.sources import read_source
    from cmr_clip.weights.video import with_legacy_positions

    notes = None if args.notes is None else _read_notes(args.notes)
    weights = read_source(args.checkpoint)
    if args.legacy_positional_embeddings is not None:
        weights = with_legacy_positions(weights, args.legacy_positional_embeddings)
    say = console().print
    for path in export_weights(weights, args.out, licence=args.licence, notes=notes):
        say(f"wrote {path}")
    if args.onnx:
        from cmr_clip.weights.onnx import export_onnx
        from cmr_clip.weights.video import load_pretrained

        report = export_onnx(load_pretrained(args.out)[0], args.out / "model.onnx")
        say(
            f"wrote {args.out / 'model.onnx'}; largest difference from torch: {report.features:.1e} (features), "
            f"{report.embeddings:.1e} (embeddings)"
        )
    return 0


def _read_notes(path: Path) -> str:
    from cmr_clip.errors import CmrClipError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CmrClipError(f"--notes {path} is not readable: {error}", "give a text file in UTF-8") from None

"""Write weights as a folder that others can load: tensors, description, preprocessing and a model card.

The folder holds model.safetensors, config.json, preprocessing.json and README.md, with the heads of a fine-tuned
model or the text tower of a contrastive one. The card states what the files say; what the model was trained on is
for --notes. It names no study, no patient and no path.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cmr_clip.commands.options import add_checkpoint
from cmr_clip.errors import CmrClipError
from preprocess.commands.console import console
from preprocess.errors import MachineError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_checkpoint(parser)
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
    """Export and say what was written."""
    from safetensors import SafetensorError

    from cmr_clip.runtime.outputs import check_folder_place
    from cmr_clip.weights.exporting.checkpoint import export_checkpoint

    check_folder_place(args.out.parent if not args.out.is_dir() else args.out)
    notes = None
    if args.notes is not None:
        try:
            notes = args.notes.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = f"--notes {args.notes} is not readable: {error}"
            raise CmrClipError(problem, "give a text file in UTF-8") from None
    try:
        done = export_checkpoint(
            args.checkpoint,
            args.out,
            licence=args.licence,
            notes=notes,
            legacy_positions=args.legacy_positional_embeddings,
            with_onnx=args.onnx,
        )
    except SafetensorError as error:  # reading has its own; this is of a disk that took no more
        raise MachineError(f"cannot write into {args.out}: {error}", "choose another place") from None
    say = console().print
    for path in done.files:
        say(f"wrote {path}")
    if done.onnx_report:
        say(
            f"wrote {done.onnx}; largest difference from torch: {done.onnx_report.features:.1e} (features), "
            f"{done.onnx_report.embeddings:.1e} (embeddings)"
        )
    return 0

"""Write the shipped configurations and job scripts to a folder, where you can read and change them.

--copy DIR writes DIR/configs and DIR/slurm. With --copy . the commands of the documentation work as they stand,
without a checkout. Files that you have changed are kept unless --overwrite is given; without --copy, the files are
only listed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from preprocess.commands.console import console


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--copy", type=Path, metavar="DIR", help="folder to write configs/ and slurm/ to")
    parser.add_argument("--overwrite", action="store_true", help="replace files that differ")


def run(args: argparse.Namespace) -> int:
    """Copy and say what was written and what to do next."""
    from cmr_clip.shipped import CONFIGS, copy_shipped, shipped_files

    say = console().print
    if args.copy is None:
        for name in shipped_files():
            say(str(name), markup=False)
        say(f"in {CONFIGS.parent}; next: cmr-clip configs --copy .", markup=False)
        return 0
    written = copy_shipped(args.copy, overwrite=args.overwrite)
    for path in written:
        say(f"wrote {path}", markup=False)
    if not written:
        say(f"{args.copy} has them all already", markup=False)
    configs = args.copy / "configs"
    say(f"next: set your paths in {configs / 'site.yaml'}, then", markup=False)
    say(f"cmr-clip check --config {configs / 'pretrain' / 'shad.yaml'}", markup=False)
    return 0

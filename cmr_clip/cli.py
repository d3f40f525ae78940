"""The command `cmr-clip`: Lightning's fit, validate, test and predict, and the commands of exploration."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from cmr_clip import __version__
from cmr_clip.errors import CmrClipError, ConfigurationError
from preprocess.commands.registry import LazyCommand, add_commands, named_command
from preprocess.errors import MendableError
from preprocess.system.extensions import load_extensions

__all__ = ["main"]

_TRAINING = {
    "fit": "train a model: pretraining or fine-tuning, as the configuration says",
    "validate": "run the validation set through a checkpoint",
    "test": "run the test set through a checkpoint; writes metrics and predictions",
    "predict": "predict every study of a store, labelled or not",
}
_COMMANDS = {
    "check": "check configuration, data, weights, memory and one step before a job is queued",
    "embed": "embed every clip of a store: embeddings.parquet",
    "umap": "map the embeddings: a picture and an interactive page with moving hearts",
    "export": "write weights as safetensors with config, preprocessing and model card",
    "zero-shot": "score studies for findings described in sentences: zero_shot.csv",
    "demo": "simulate, convert, pretrain, fine-tune, embed and map, in minutes",
    "configs": "write the shipped configurations and job scripts to a folder",
}


_LIGHT = ("configs",)  # commands that need none of the extra `train`


def build_parser() -> argparse.ArgumentParser:
    """The parser of `cmr-clip`; the training commands are listed here and parsed by LightningCLI."""
    parser = argparse.ArgumentParser(
        prog="cmr-clip",
        description="Pretrain, fine-tune and explore video encoders for cardiac MRI.",
        epilog="fit, validate, test and predict are LightningCLI: cmr-clip fit --config FILE.yaml "
        "[--model.… --data.… --trainer.…]; cmr-clip fit --help lists the trainer's fields, "
        "cmr-clip fit --model.help cmr_clip.tasks.StudyFinetuning those of a class (--data.help likewise).",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=LazyCommand)
    for name, text in _TRAINING.items():
        commands.add_parser(name, help=text)
    add_commands(commands, "cmr_clip.commands", _COMMANDS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; bad input is one line on stderr: exit code 1, or 2 for wrong usage or configuration."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        command = named_command(arguments)
        missing = [name for name in ("torch", "pytorch_lightning", "transformers") if find_spec(name) is None]
        asks_help = command in _COMMANDS and not {"-h", "--help"}.isdisjoint(arguments)
        needs_them = command in {*_TRAINING, *_COMMANDS} - {*_LIGHT} and not asks_help
        if missing and needs_them:  # `pip install cmr-clip` leaves them out
            raise CmrClipError(f"cmr-clip {command} needs {missing[0]}", "pip install 'cmr-clip[train]'")
        if command in {*_TRAINING, *_COMMANDS}:
            load_extensions()
        if arguments and arguments[0] in _TRAINING:
            from cmr_clip.training.cli import run_training

            run_training(arguments)
            return 0
        args = build_parser().parse_args(arguments)
        return int(args.run(args))
    except MendableError as error:
        print(f"cmr-clip: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    except KeyboardInterrupt:
        print("cmr-clip: interrupted; the same command goes on (fit: with --ckpt_path last)", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""LightningCLI as this project uses it: subclass mode, safe checkpoints, errors in one line."""

from __future__ import annotations

import errno
import logging
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from jsonargparse import SUPPRESS, ArgumentError, Namespace
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from rich.logging import RichHandler
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from cmr_clip.data.store_module import StoreDataModule
from cmr_clip.errors import ConfigurationError
from cmr_clip.runtime.distributed import leave_together
from cmr_clip.runtime.outputs import check_folder_place
from cmr_clip.runtime.stop_signals import StopSignals
from cmr_clip.tasks.video_task import VideoTask
from cmr_clip.training.callbacks.preemption import ResumeOptions, ResumePoints, TrainingStoppedError
from cmr_clip.training.callbacks.progress import progress_callback
from cmr_clip.training.checkpoint_io import AtomicCheckpointIO
from cmr_clip.training.moved_names import refuse_moved_names
from cmr_clip.training.recipes import config_files, with_bases
from cmr_clip.weights.files import read_checkpoint
from preprocess.commands.console import console
from preprocess.errors import MachineError

__all__ = ["CmrClipCLI", "parse_only", "run_training"]

FIELDS_HELP = "cmr-clip fit --help lists fields, fit --model.help CLASS those of a class (--data.help likewise)"
_HINTS = (
    ".*The dirpath has changed from.*",
    ".*does not have many workers.*",
    ".*The number of training batches.*",
    ".*treespec, LeafSpec.*",
    ".*module.s. in eval mode at the start of training.*",
    ".*there is no last checkpoint available.*",
    ".*srun. command is available.*",
    ".*recommended to use .self.log.*sync_dist.*",  # validation metrics are of the gathered set, equal on all ranks
    ".*functional.all_gather is deprecated.*",
    ".*Grad strides do not match bucket view strides.*",
    ".*args parameter is intended to run from within Python.*",
)


# What a disk says that takes no more; anything else of the system is ours to mend.
_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
_NAMED_CHECKPOINTS = (None, "last", "best")


def _already_read(base: object) -> None:
    """Bases are merged when a file's turn comes to be parsed; what is printed or saved is whole and names none."""


class CmrClipCLI(LightningCLI):
    """The configuration alone decides what is built; a checkpoint only brings weights and state.

    Args:
        signals: notes the signals that end a training early.
        arguments: of the command line, the subcommand first; recipes among them bring their bases along.
        settings: as LightningCLI takes them.
    """

    def __init__(self, signals: StopSignals, arguments: Sequence[str], **settings: Any) -> None:
        self.signals = signals
        self.given_configs = config_files(arguments)
        super().__init__(VideoTask, StoreDataModule, args=with_bases(arguments), **settings)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add `base`, which `with_bases` has followed, and `resume`: how often a run writes a point to go on from."""
        parser.add_argument("--base", type=_already_read, default=None, help=SUPPRESS)
        parser.add_class_arguments(ResumeOptions, "resume")

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration as it is: a checkpoint's hyper-parameters must not override it.

        Lightning merges them over what the user wrote (pytorch-lightning#21455).
        """

    def before_instantiate_classes(self) -> None:
        """Keep all files of a run in its `default_root_dir`: checkpoints, TensorBoard events, tables."""
        chosen = self.config[self.config["subcommand"]]
        place = str(chosen["trainer"].get("default_root_dir") or ".")
        if "://" not in place:  # Lightning's own kind of address
            check_folder_place(Path(place))
        if chosen.get("ckpt_path") not in _NAMED_CHECKPOINTS:
            read_checkpoint(Path(chosen["ckpt_path"]))  # one clear error now instead of a traceback later
        trainer = chosen["trainer"]
        root = Path(trainer.get("default_root_dir") or ".")
        for callback in trainer.get("callbacks") or []:
            if callback.class_path.endswith(".ModelCheckpoint") and callback.init_args.dirpath is None:
                callback.init_args.dirpath = str(root / "checkpoints")
        if trainer.get("logger") in (None, True):
            trainer["logger"] = Namespace(  # type: ignore[no-untyped-call]
                class_path="pytorch_lightning.loggers.TensorBoardLogger",
                init_args=Namespace(  # type: ignore[no-untyped-call]
                    save_dir=str(root), name="", version="tensorboard"
                ),
            )

    def instantiate_classes(self) -> None:
        """Build what the configuration names.

        Raises:
            ConfigurationError: a class refuses its settings.
        """
        try:
            super().instantiate_classes()
        except (MisconfigurationException, ValueError) as error:
            problem = f"the configuration cannot be built: {_field_and_reason(error)}"
            raise ConfigurationError(problem, FIELDS_HELP) from error

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Add what every run needs whatever its configuration says: whole checkpoints, and an end at a signal."""
        chosen = self.config_init[self.config_init["subcommand"]]
        plugins = chosen["trainer"].get("plugins") or []
        plugins = [*(plugins if isinstance(plugins, list) else [plugins]), AtomicCheckpointIO()]
        if SLURMEnvironment.detect():
            # Lightning's own handler saves in the middle of a step, to a file that the next job would resume
            plugins.append(SLURMEnvironment(auto_requeue=False))
        self.trainer_defaults["callbacks"] = [progress_callback(), ResumePoints(self.signals, chosen["resume"])]
        return super().instantiate_trainer(plugins=plugins, **kwargs)

    def after_fit(self) -> None:
        """Say where the weights are and what to run next."""
        last = getattr(self.trainer.checkpoint_callback, "last_model_path", "")
        if not self.trainer.is_global_zero or not last:
            return
        configs = " ".join(f"--config {path}" for path in self.given_configs)
        console().print(f"wrote {last}\nnext: cmr-clip test {configs} --ckpt_path {last}")

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Never execute pickled code from a checkpoint."""
        return {**super()._prepare_subcommand_kwargs(subcommand), "weights_only": True}


class _ParsedOnly(CmrClipCLI):
    """Reads a configuration and stops there."""

    def before_instantiate_classes(self) -> None:
        """Open no file."""

    def instantiate_classes(self) -> None:
        """Build nothing."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Run nothing."""


def parse_only(arguments: Sequence[str]) -> CmrClipCLI:
    """Parse the arguments of fit, validate, test or predict; the result is in the attribute `config`.

    Raises:
        ConfigurationError: an unknown field or an impossible value.
    """
    _quieten()
    return _make(_ParsedOnly, arguments, StopSignals())


def run_training(arguments: Sequence[str]) -> None:
    """Run fit, validate, test or predict.

    Raises:
        ConfigurationError: an unknown field, an impossible value, or a metric to watch that is not defined.
        MachineError: the run's folder cannot be written, or no longer.
        SystemExit: a signal ended the training; its state is saved.
    """
    _quieten()
    signals = StopSignals()
    try:
        with signals if arguments[0] == "fit" else nullcontext():
            _make(CmrClipCLI, arguments, signals)
        leave_together()
    except TrainingStoppedError as stopped:
        raise SystemExit(stopped.exit_code) from None
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        place = f" at {error.filename}" if error.filename else ""
        problem = f"the run stopped{place}: {error.strerror}"
        raise MachineError(problem, "make room, or set trainer.default_root_dir to another place") from error


def _make(kind: type[CmrClipCLI], arguments: Sequence[str], signals: StopSignals) -> CmrClipCLI:
    try:
        refuse_moved_names(arguments)
        return kind(
            signals,
            arguments,
            subclass_mode_model=True,
            subclass_mode_data=True,
            trainer_defaults={"use_distributed_sampler": False, "enable_progress_bar": sys.stdout.isatty()},
            save_config_kwargs={"overwrite": True},
            seed_everything_default=0,
            parser_kwargs={"exit_on_error": False, "prog": "cmr-clip"},
        )
    except ArgumentError as error:
        raise ConfigurationError(_field_and_reason(error), FIELDS_HELP) from error
    except MisconfigurationException as error:  # Lightning's word for settings that do not fit the run
        raise ConfigurationError(_field_and_reason(error), "see docs/pretraining.md and docs/heads.md") from error


def _field_and_reason(error: Exception) -> str:
    """The field and the innermost reason: jsonargparse wraps a message once per level of the configuration."""
    text = " ".join(str(error).split())
    text = re.split(r" Expected a <class 'NoneType'>| Given value type:", text)[0]
    field = ".".join(dict.fromkeys(re.findall(r'[Pp]arser key "([^"]+)"', text)))
    reason = re.split(r'[Pp]arser key "[^"]+":', text)[-1]
    reason = re.sub(r"^.*Errors: (?:- )?|Problem with given class_path '[^']*':", "", reason).strip(" -")
    return f"{field}: {reason}" if field else reason


def _quieten() -> None:
    """Let this project's messages through; hide hints of libraries that do not concern a user of its data modules."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    own = logging.getLogger("cmr_clip")
    if not own.handlers:
        own.addHandler(RichHandler(console=console(), show_time=False, show_level=False, show_path=False))
    own.setLevel(logging.INFO)
    for hint in _HINTS:
        warnings.filterwarnings("ignore", hint)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_verbosity_error()  # type: ignore[no-untyped-call]

"""The configuration of a run, parsed as `cmr-clip fit` would, without building anything of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from pytorch_lightning.cli import LightningArgumentParser

from cmr_clip.data.store_module import StoreDataModule
from cmr_clip.tasks.video_task import VideoTask
from cmr_clip.training.cli import CmrClipCLI, parse_only

__all__ = ["Plan", "read_plan"]


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        config: every field of `fit`, defaults included.
        arguments: as given on the command line.
    """

    config: Namespace
    arguments: tuple[str, ...]

    @property
    def data(self) -> Mapping[str, Any]:
        """The arguments of the data module."""
        return self._arguments_of("data")

    @property
    def model(self) -> Mapping[str, Any]:
        """The arguments of the task."""
        return self._arguments_of("model")

    def _arguments_of(self, part: str) -> Mapping[str, Any]:
        fields: dict[str, Any] = self.config[part]["init_args"].as_dict()
        return fields

    @property
    def trainer(self) -> Mapping[str, Any]:
        """The arguments of the trainer."""
        fields: dict[str, Any] = self.config["trainer"].as_dict()
        return fields

    @property
    def folder(self) -> Path:
        """Where the run's files go."""
        return Path(self.trainer.get("default_root_dir") or ".")

    @property
    def ranks(self) -> int | None:
        """Number of processes; None where the machine decides."""
        devices, nodes = self.trainer["devices"], self.trainer["num_nodes"]
        return int(devices) * int(nodes) if str(devices).isdigit() else None

    def build_model(self) -> VideoTask:
        """Make the task; uncompiled, since that only costs time here."""
        config = self.config["model"].clone()
        if "compile_encoder" in config["init_args"]:
            config["init_args"]["compile_encoder"] = False
        model: VideoTask = _instantiate(VideoTask, config)
        return model

    def build_data(self, **changes: object) -> StoreDataModule:
        """Make the data module, with some arguments changed; those that it does not have are left out."""
        config = self.config["data"].clone()
        for name, value in changes.items():
            if name in config["init_args"]:
                config["init_args"][name] = value
        data: StoreDataModule = _instantiate(StoreDataModule, config)
        return data


def _instantiate(base: type, config: Namespace) -> Any:
    parser = LightningArgumentParser()
    parser.add_lightning_class_args(base, "part", subclass_mode=True)
    whole = Namespace()  # type: ignore[no-untyped-call]
    whole["part"] = config
    return parser.instantiate_classes(whole)["part"]


def read_plan(arguments: Sequence[str]) -> Plan:
    """Parse the arguments of `cmr-clip fit`.

    Raises:
        ConfigurationError: an unknown field or an impossible value.
    """
    cli: CmrClipCLI = parse_only(["fit", *arguments])
    return Plan(cli.config["fit"], tuple(arguments))

"""Run the installed pytorchvideo's AugMix without torchvision: print what it asks of torchvision's functions.

torchvision is absent (and its present releases no longer fit pytorchvideo), so a module takes its place that records
each call's arguments and returns the video unchanged. Run as a script, since it replaces modules: it prints JSON,
function name to a list of calls, each a list of numbers.
"""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import torch

calls: dict[str, list[list[float]]] = {}


class Recorder(ModuleType):
    """Any attribute is a function that records; names with a capital are empty classes, for use as a base."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name[0].isupper():
            return type(name, (), {"BILINEAR": None})

        def call(video: torch.Tensor, *arguments: Any, **_: Any) -> torch.Tensor:
            flat = arguments[0] if arguments and isinstance(arguments[0], list) else arguments
            calls.setdefault(name, []).append([float(value) for value in flat])
            return video

        return call


def main(draws: int) -> None:
    """Draw many times on a small video of 40 rows and 60 columns."""
    parts = ("transforms", "transforms.functional", "transforms.functional_tensor", "transforms._functional_video")
    modules = {name: Recorder(name) for name in ("torchvision", *(f"torchvision.{part}" for part in parts))}
    sys.modules.update(modules)
    for name, module in modules.items():
        above, _, short = name.rpartition(".")
        if above:
            setattr(modules[above], short, module)
    from pytorchvideo.transforms.augmix import AugMix

    torch.manual_seed(0)
    augmix = AugMix()
    video = torch.zeros(1, 3, 40, 60)
    for _ in range(draws):
        augmix(video)
    sys.stdout.write(json.dumps(calls))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]))

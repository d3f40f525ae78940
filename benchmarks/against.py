"""Conversion of a study and training of the demo, here against the same in another tree of this project.

    git worktree add /tmp/base 997d2d0
    python -m benchmarks.against --baseline /tmp/base [--run runs/demo-24] [--repeats 30] [--require 1.03] [--out FILE]

Both trees work in a process of their own that stays alive and takes turns with the other: one converts the same study
(or trains the same epoch) right after the other has, and who begins changes from round to round. The ratio is the
median over the rounds of ours over theirs, with a bootstrap interval (95 %). Above 1, we are slower.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.dicom_archive import StudySize, make_study
from benchmarks.timing import machine

__all__ = ["Comparison", "compare", "main", "ratio_with_interval"]

_HERE = Path(__file__).resolve().parents[1]
_WARM_UP = 3
_QUICK = StudySize(matrix=48, frames=10, slices=2)


@dataclass(frozen=True)
class Comparison:
    """One kind of work in both trees.

    Attributes:
        baseline_s: median wall time of a turn in the other tree.
        ours_s: the same here.
        wall: ratio ours / baseline, with the ends of its interval.
        cpu: the same of processor time, all threads.
        rounds: number of pairs.
    """

    baseline_s: float
    ours_s: float
    wall: tuple[float, float, float]
    cpu: tuple[float, float, float]
    rounds: int


def ratio_with_interval(ours: list[float], theirs: list[float], draws: int = 10_000) -> tuple[float, float, float]:
    """The median of the ratios of pairs, and the 2.5 % and 97.5 % quantiles of its bootstrap distribution."""
    ratios = np.array(ours) / np.array(theirs)
    chosen = np.random.default_rng(0).integers(0, len(ratios), (draws, len(ratios)))
    low, high = np.quantile(np.median(ratios[chosen], axis=1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


class _Side:
    """A worker in one of the trees."""

    def __init__(self, tree: Path, *arguments: object) -> None:
        self.tree = tree
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("against_worker.py")), *map(str, arguments)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self) -> dict[str, float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the worker in {self.tree} failed: see above")
        numbers: dict[str, float] = json.loads(line)
        return numbers

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compare(baseline: Path, work: str, subject: Path, repeats: int) -> Comparison:
    """Let both trees take turns.

    Args:
        baseline: root of the other tree.
        work: `convert` or `train`.
        subject: the archive, or the folder of a run of the demo.
        repeats: rounds that count, after three that do not.
    """
    turns = _WARM_UP + repeats
    sides = {"theirs": _Side(baseline, work, subject, turns), "ours": _Side(_HERE, work, subject, turns)}
    rounds = []
    for number in range(turns):
        order = sorted(sides, reverse=number % 2 == 0)
        rounds.append({name: sides[name].turn() for name in order})
    for side in sides.values():
        side.end()
    counted = {name: [pair[name] for pair in rounds[_WARM_UP:]] for name in sides}
    wall, cpu = ({name: [turn[kind] for turn in own] for name, own in counted.items()} for kind in ("wall_s", "cpu_s"))
    return Comparison(
        median(wall["theirs"]),
        median(wall["ours"]),
        ratio_with_interval(wall["ours"], wall["theirs"]),
        ratio_with_interval(cpu["ours"], cpu["theirs"]),
        repeats,
    )


def _demo_run(baseline: Path, folder: Path) -> Path:
    """Store and tables as the demo makes them, by the other tree."""
    program = (
        "import subprocess, sys; from pathlib import Path; from cmr_clip.demo.plan import DemoPlan, demo_steps\n"
        "names = ('simulate', 'convert', 'reports', 'labels', 'splits')\n"
        "steps = [step for step in demo_steps(DemoPlan(run=Path(sys.argv[1]), patients=24)) if step.name in names]\n"
        "[subprocess.run([sys.executable, '-m', 'preprocess', *step.command[1:]], check=True) for step in steps]"
    )
    environment = {**os.environ, "PYTHONPATH": str(baseline)}
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=baseline, env=environment, check=True)
    return folder


def _commit_of(tree: Path) -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _say(work: str, result: Comparison) -> None:
    wall, cpu = (f"{ratio:.3f} [{low:.3f}, {high:.3f}]" for ratio, low, high in (result.wall, result.cpu))
    seconds = f"{result.baseline_s:.3f} s, ours {result.ours_s:.3f} s"
    print(f"{work}: baseline {seconds}; ratio {wall} in wall time, {cpu} in processor time; {result.rounds} pairs")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--baseline", type=Path, required=True, help="root of the other tree (git worktree or git archive)")
    add("--run", type=Path, help="run of cmr-clip demo to train on (default: make the data of 24 patients)")
    add("--repeats", type=int, default=30, help="rounds (default 30)")
    add("--only", choices=("convert", "train"), help="one of the two")
    add("--quick", action="store_true", help="a tiny study, to see that it runs; no measure of speed")
    add("--require", type=float, metavar="RATIO", help="end with an error if a ratio of wall times is larger")
    add("--out", type=Path, help="also write the numbers here")
    args = parser.parse_args()
    baseline = args.baseline.resolve()
    where = {**machine(torch.device("cpu")), "baseline": _commit_of(baseline), "load": os.getloadavg()[0]}
    print(", ".join(f"{name} {value}" for name, value in where.items()), flush=True)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        if args.only != "train":
            archive = make_study(Path(folder) / "study.tgz", _QUICK if args.quick else StudySize())
            results["convert"] = compare(baseline, "convert", archive, args.repeats)
            _say("convert a study", results["convert"])
        if args.only != "convert":
            run = args.run.resolve() if args.run else _demo_run(baseline, Path(folder) / "demo")
            results["train"] = compare(baseline, "train", run, args.repeats)
            _say("an epoch of the demo's pretraining", results["train"])
    if args.out is not None:
        numbers = {name: asdict(result) for name, result in results.items()}
        args.out.write_text(json.dumps({**where, **numbers}, indent=2) + "\n")
    if args.require and any(result.wall[0] > args.require for result in results.values()):
        sys.exit(f"slower than {args.require} times the baseline")


if __name__ == "__main__":
    main()

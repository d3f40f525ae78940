"""A stand-in for a command: `python -m tests.support.recorder LOG NAME [fail]` appends NAME to LOG."""

import sys
from pathlib import Path

if __name__ == "__main__":
    log, name, *rest = sys.argv[1:]
    with Path(log).open("a") as file:
        file.write(name + "\n")
    sys.exit(3 if "fail" in rest and not Path(log + ".mended").exists() else 0)

"""How many small cases a second the example drivers in C++, Rust and JavaScript answer, drawn, asked and judged as in a check.

    python benchmarks/drivers.py [--examples N]

Each is built by the command in its own head, in a directory of its own; the best of three rounds, taken by turns, is printed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from throughput import rate

DRIVERS = Path(__file__).parents[1] / "docs" / "examples" / "drivers"

ROUNDS = 3
"""Turns, so that what else the machine does slows all of them alike."""


def built(source: Path, directory: Path) -> str | None:
    """The target that a driver makes in `directory`; None where its compiler is not here."""
    command = next(line[2:].split() for line in source.read_text().splitlines() if line.startswith("//     "))
    if shutil.which(command[0] if source.suffix != ".js" else "node") is None:
        return None
    directory.mkdir()
    copied = shutil.copy(source, directory)
    subprocess.run(command, cwd=directory, check=True)
    made = directory / source.stem
    return str(made if made.exists() else copied)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--examples", type=int, default=1000)
    examples = parser.parse_args().examples
    with tempfile.TemporaryDirectory() as scratch:
        sources = sorted(DRIVERS.glob("batchnorm.*"))
        targets = {source.name: built(source, Path(scratch) / source.suffix[1:]) for source in sources}
        rates = {name: [0.0] for name, target in targets.items() if target}
        for _ in range(ROUNDS):
            for name, seen in rates.items():
                seen.append(rate(str(targets[name]), examples, in_process=False))
    for name in targets:
        print(f"{name:14} {max(rates[name]):5.0f} cases a second" if name in rates else f"{name:14} its compiler is not here")


if __name__ == "__main__":
    main()

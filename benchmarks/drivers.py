"""How many small cases a second the example drivers in C++, Rust and JavaScript answer, drawn, asked and judged as in a check.

    python benchmarks/drivers.py [--examples N]

Each is built by the command in its own head, in a directory of its own. The best of three rounds, taken by turns, is printed; and
the same for each second of the processor, the judge's and the driver's together, which a busy machine changes little.
"""

from __future__ import annotations

import argparse
import os
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


def both_rates(target: str, examples: int) -> tuple[float, float]:
    """Cases for each second of the clock, and of the processor."""
    before = os.times()
    by_clock = rate(target, examples, in_process=False)
    spent = sum(os.times()[:4]) - sum(before[:4])
    return by_clock, examples / spent


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--examples", type=int, default=1000)
    examples = parser.parse_args().examples
    with tempfile.TemporaryDirectory() as scratch:
        sources = sorted(DRIVERS.glob("batchnorm.*"))
        targets = {source.name: built(source, Path(scratch) / source.suffix[1:]) for source in sources}
        seen = {name: [both_rates(target, examples)] for name, target in targets.items() if target}
        for _ in range(ROUNDS - 1):
            for name, rates in seen.items():
                rates.append(both_rates(str(targets[name]), examples))
    for name in targets:
        by_clock, by_processor = map(max, zip(*seen.get(name, [(0.0, 0.0)]), strict=True))
        print(f"{name:14} {by_clock:5.0f} cases a second, {by_processor:5.0f} a second of the processor" if by_clock else
              f"{name:14} its compiler is not here")  # fmt: skip


if __name__ == "__main__":
    main()

"""Whether correct implementations are ever accused: every target, many seeds, and any required law that does not hold.

    python benchmarks/false_alarms.py [--seeds 20] [--profile smoke] [--dtype float32 ...] TARGET...

Prints a line a target, and exits with 1 if anything was accused.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from rich.console import Console

from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, run


def accusations(target: str, seeds: int, options: dict[str, object]) -> Counter[str]:
    """The verdicts that are not conformant, with their reasons, over the seeds."""
    found: Counter[str] = Counter()
    for seed in range(seeds):
        with Progress(Console(force_terminal=False), target) as progress:
            record = run(target, Options(seed=seed, **options), progress).record  # type: ignore[arg-type]
        if record.verdict != "conformant":
            found[f"{record.verdict}: {record.reason} (seed {seed})"] += 1
    return found


def main() -> None:
    """Ask, print, exit."""
    parser = argparse.ArgumentParser(description="whether correct implementations are ever accused")
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--dtype", action="append", default=[])
    arguments = parser.parse_args()
    options = {"profile": arguments.profile, "dtypes": tuple(arguments.dtype or ("float32", "float64"))}
    accused = False
    for target in arguments.targets:
        found = accusations(target, arguments.seeds, options)
        accused |= bool(found)
        print(f"{target}: {sum(found.values())} of {arguments.seeds} runs not conformant", *found, sep="\n    ", flush=True)
    sys.exit(accused)


if __name__ == "__main__":
    main()

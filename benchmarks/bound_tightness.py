"""How near correct algorithms come to the error bounds, and how far beyond B unstable ones go: the table of reference/bounds.md.

    python benchmarks/bound_tightness.py [CASES] [SEED]

Each case is put to every algorithm of tests/algorithms.py, in training, in inference, and in one update of the state. A number is
the largest error found in units of the bound: one above 1 of a stable algorithm under B, or of any under C, refutes a derivation.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import trials
from algorithms import STATISTICS, UNSTABLE, naive, welford

from bnspec import bounds, exact
from bnspec.case import Array, Case
from bnspec.convention import KERAS, TORCH, Convention

OUTPUTS = ["mean", "var", "y", "dbeta", "dgamma", "dx", "running_mean", "running_var"]
"""The rows of the table."""

KINDS = ["stable", "unstable", "inference", "state"]
"""What made an output: training in stable or unstable ways, inference, or one update of the state."""

Key = tuple[str, str, str]
"""(output, kind, grade)."""

Judged = tuple[str, str, Array, exact.Exact, bounds.Bounds]
"""(output, kind, what came out, what is true, its bounds)."""


def judged(case: Case, arithmetic: str, grade: str, convention: Convention) -> Iterator[Judged]:
    """All outputs of all algorithms for one case, with the bounds of one grade."""
    true, given = exact.train(case, convention), exact.infer(case)
    limit = bounds.train_bounds(case, true, convention, grade=grade, arithmetic=arithmetic)
    for name, output, got in trials.training_outputs(case, arithmetic, statistics=list(STATISTICS)):
        yield output, "unstable" if any(way in name for way in UNSTABLE) else "stable", got, true, limit
    moments = welford(case.columns(case.x).astype(arithmetic), naive)
    for _, output, got in trials.running_outputs(case, convention, arithmetic, moments):
        yield output, "state", got, true, limit
    limit = bounds.infer_bounds(case, given, grade=grade, arithmetic=arithmetic)
    for _, output, got in trials.inference_outputs(case, arithmetic):
        yield output, "inference", got, given, limit


def worst_ratios(dtype: str, arithmetic: str, count: int, seed: int) -> dict[Key, float]:
    """The largest ratio by (output, kind, grade) over `count` random cases."""
    worst: dict[Key, float] = defaultdict(float)
    for index, case in enumerate(trials.cases(dtype, arithmetic, count, seed=seed)):
        for grade in bounds.GRADES[:3]:
            for output, kind, got, true, limit in judged(case, arithmetic, grade, (TORCH, KERAS)[index % 2]):
                held = dtype if output in ("y", "dx") else arithmetic
                key = output, kind, grade
                worst[key] = max(worst[key], trials.ratio(got, output, true, limit, held))
    return worst


def table(worst: dict[Key, float]) -> Iterator[str]:
    """One line an output; in each cell the ratios under A / B / C."""
    yield "| output | " + " | ".join(KINDS) + " |"
    yield "|---" * (len(KINDS) + 1) + "|"
    for output in OUTPUTS:
        found = [[worst.get((output, kind, grade)) for grade in "ABC"] for kind in KINDS]
        cells = [" / ".join(f"{ratio:.2g}" for ratio in ratios if ratio is not None) for ratios in found]
        yield f"| {output} | " + " | ".join(cells) + " |"


def main() -> None:
    """The tables of all arithmetics, on stdout."""
    count, seed = (int(word) for word in [*sys.argv[1:3], *["400", "1"][len(sys.argv) - 1 :]])
    for dtype, arithmetic in trials.ARITHMETICS:
        print(f"\n{dtype} in {arithmetic} arithmetic, {count} cases, seed {seed}; A / B / C:\n")
        with np.errstate(all="ignore"):
            worst = worst_ratios(dtype, arithmetic, count, seed)
        print("\n".join(table(worst)))


if __name__ == "__main__":
    main()

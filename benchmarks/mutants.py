"""Mutation testing of our own judge: every small change of the oracle, the bounds and the comparison, and the tests that notice it.

    python benchmarks/mutants.py [--only exact] [--out DIR]       (needs cosmic-ray; half an hour of one core each)

Works on a copy in DIR, by default a temporary one; with --out a run that was ended goes on where it was. Prints the changes that
no test noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "judge": (("bnspec/comparing.py", "bnspec/properties/judge.py"), ("test_judge_edges.py", "test_judge.py")),
    "exact": (("bnspec/exact.py", "bnspec/integers.py", "bnspec/rounding.py"), ("test_exact.py",)),
    "bounds": (
        ("bnspec/bounds.py", "bnspec/bounds_forward.py", "bnspec/bounds_backward.py"),
        ("test_pinned_bounds.py", "test_overflow.py", "test_running_bounds.py", "test_bounds.py"),
    ),
}
"""What is changed, and the tests that should notice, the quickest first."""

EXCLUDED = (
    "core/ReplaceBinaryOperator_.*_(RShift|LShift|Mod|FloorDiv|BitXor|BitOr|BitAnd|Pow)",
    "core/ReplaceBinaryOperator_(Mul_Sub|Add_Mul|Add_Div|Sub_Mul|Sub_Div|Div_Add|Div_Sub|Pow_Add|Pow_Sub|Pow_Div)",
    "core/ReplaceBinaryOperator_(BitOr|BitAnd|LShift|RShift|FloorDiv|Mod)_.*",
    "core/ReplaceUnaryOperator_USub_(Not|Invert)",
    "core/ReplaceComparisonOperator_.*_(Is|IsNot)",
)
"""Changes of kinds that others stand for: an operator is replaced by its neighbours, and not by every one there is."""


def copied(place: Path) -> Path:
    """The packages and the tests as one tree of their own, made once."""
    if not (place / "tests").exists():
        leave = shutil.ignore_patterns("__pycache__", "out")
        shutil.copytree(ROOT / "bnspec", place / "bnspec", ignore=leave)
        for name in ("properties", "reference", "reports", "cli"):
            shutil.copytree(ROOT / name, place / "bnspec" / name, ignore=leave)
        shutil.copytree(ROOT / "tests", place / "tests", ignore=leave)
    return place


def run(part: str, place: Path) -> None:
    """Every change of one part, one after the other; those that are done already are not done again."""
    modules, tests = PARTS[part]
    config, session = place / f"{part}.toml", place / f"{part}.sqlite"
    asked = " ".join(f"tests/{name}" for name in tests)
    words = {
        "module-path": list(modules),
        "timeout": 120.0,
        "excluded-modules": [],
        "test-command": f"{sys.executable} -m pytest -q -x -p no:cacheprovider {asked}",
        "distributor.name": "local",
        "filters.operators-filter.exclude-operators": list(EXCLUDED),
    }
    config.write_text("[cosmic-ray]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in words.items()))
    if not session.exists():
        _command(place, "cosmic-ray", "init", config, session)
        _command(place, "cr-filter-operators", session, config)
    _command(place, "cosmic-ray", "exec", config, session)


def survivors(part: str, place: Path) -> Iterator[str]:
    """The changes that no test noticed, as diffs, and how many changes there were."""
    lines = _command(place, "cosmic-ray", "dump", place / f"{part}.sqlite").splitlines()
    results = [result for _, result in map(json.loads, lines) if result and result["worker_outcome"] == "normal"]
    lived = [result for result in results if result["test_outcome"] == "survived"]
    yield from (result["diff"] for result in lived)
    yield f"{part}: {len(lived)} of {len(results)} changes were not noticed"


def _command(place: Path, *words: str | Path) -> str:
    """Run a command of cosmic-ray where it sees the copy, and leaves no stale bytecode of a change behind."""
    program = Path(sys.executable).with_name(str(words[0]))
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([program, *words[1:]], cwd=place, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def main() -> None:
    """Ask the parts that are wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PARTS, default=[])
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="where the copy and what is done are kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        place = copied((arguments.out or Path(passing)).resolve())
        for part in arguments.only or PARTS:
            run(part, place)
            print("\n".join(survivors(part, place)), flush=True)


if __name__ == "__main__":
    main()

"""Mutation testing of our own judge: small changes of the oracle, the bounds and the comparison, and the tests that notice them.

    python benchmarks/mutants.py [--only exact] [--out DIR]       (needs cosmic-ray; from minutes to half an hour of one core each)

Works on a copy in DIR, by default a temporary one; with --out a run that was ended goes on where it was. Prints the changes that
no test noticed, but for those that harmless.toml explains. Exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]

HARMLESS = Path(__file__).with_name("harmless.toml")
"""Changes that change no answer, each with its reason."""

_BOUNDS = ("test_pinned_bounds.py", "test_overflow.py", "test_running_bounds.py", "test_bounds.py")

PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "judge": (("bnspec/comparing.py", "bnspec/properties/judge.py"), ("test_judge_edges.py", "test_judge.py")),
    "exact": (("bnspec/exact.py", "bnspec/integers.py", "bnspec/rounding.py"), ("test_rounding.py", "test_exact.py")),
    "pairs": (("bnspec/doubledouble.py", "bnspec/columns.py"), ("test_doubledouble.py", "test_exact.py")),
    "bounds": (("bnspec/bounds.py", "bnspec/bounds_forward.py", "bnspec/bounds_backward.py"), _BOUNDS),
    "scalars": (("bnspec/bounds_scalars.py", "bnspec/bounds_second_order.py"), ("test_formats.py", *_BOUNDS)),
    "confidence": (("bnspec/confidence.py",), ("test_pinned_bounds.py", "test_confidence.py")),
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


@dataclass(frozen=True)
class Harmless:
    """A change that changes no answer: of a line in a file (a glob), whatever it becomes or one of these, and why."""

    file: str
    line: str
    why: str
    becomes: tuple[str, ...] = ()

    def explains(self, path: str, diff: str) -> bool:
        """Whether this is the change of a diff."""
        old, new = ([line[1:] for line in diff.splitlines() if line[:1] == sign and line[:3] != sign * 3] for sign in "-+")
        is_line = fnmatch(Path(path).name, self.file) and any(self.line in line for line in old)
        return is_line and (not self.becomes or any(part in line for part in self.becomes for line in new))


def harmless() -> list[Harmless]:
    """All that are known."""
    return msgspec.toml.decode(HARMLESS.read_bytes(), type=dict[str, list[Harmless]])["harmless"]


def told(part: str, place: Path) -> tuple[Sequence[str], str]:
    """The changes of a part that no test noticed and nothing explains, as diffs; and how many there were of each kind."""
    lines = _command(place, "cosmic-ray", "dump", place / f"{part}.sqlite").splitlines()
    done = [(item, result) for item, result in map(json.loads, lines) if result and result["worker_outcome"] == "normal"]
    lived = [(item["mutations"][0]["module_path"], result["diff"]) for item, result in done if result["test_outcome"] == "survived"]
    known = harmless()
    left = [diff for path, diff in lived if not any(one.explains(path, diff) for one in known)]
    counts = f"{len(done) - len(lived)} noticed, {len(lived) - len(left)} harmless, {len(left)} neither"
    return left, f"{part}: {len(done)} changes: {counts}"


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
    left: list[str] = []
    with tempfile.TemporaryDirectory() as passing:
        place = copied((arguments.out or Path(passing)).resolve())
        for part in arguments.only or PARTS:
            run(part, place)
            unnoticed, counts = told(part, place)
            left += unnoticed
            print(*unnoticed, counts, sep="\n", flush=True)
    sys.exit(bool(left))


if __name__ == "__main__":
    main()

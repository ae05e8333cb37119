"""What the suite is worth: which one-line mistakes it catches, how often, by how many laws; and whether it accuses correct code.

    python benchmarks/power.py [--seeds 3] [--profile smoke] [--dtype float32 ...] [--only NAME ...] [--jobs 1] [--campaign]

The mistakes and the correct implementations are those of tests/corpus; every one is asked once a seed. NAME is part of a
corruption's name, or a shape, a chapter, a correct file, or `correct` or `corruptions` for all of them. --campaign ends a run at
the second property that fails, so that the count of laws does; --compiled asks what torch.compile makes of BatchNorm2d, too.
Exits with 1 if a mistake was missed under every seed, or if anything correct was not found conformant under some seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console

from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, run
from bnspec.reports.verdict import failures

TESTS = Path(__file__).resolve().parents[1] / "tests"


@dataclass(frozen=True)
class Subject:
    """Something to ask: a corruption, or (chapter "") a correct implementation."""

    name: str
    target: str
    shape: str
    chapter: str = ""

    def is_called(self, names: Iterable[str]) -> bool:
        """Whether one of the names means it."""
        groups = (self.shape, self.chapter, "corruptions" if self.chapter else "correct")
        return any(name in groups or (name in self.name and bool(self.chapter)) for name in names)


@dataclass(frozen=True)
class Answer:
    """What one run said: the verdict and how far it reaches, the required laws that do not hold, the reason in words."""

    verdict: str
    scope: tuple[str, ...]
    laws: frozenset[str]
    reason: str
    seconds: float


@dataclass
class Tally:
    """All runs of one subject."""

    subject: Subject
    answers: list[Answer] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The mean of a run."""
        return sum(answer.seconds for answer in self.answers) / len(self.answers)

    def count(self, verdict: str) -> int:
        """How many runs came to this verdict."""
        return sum(answer.verdict == verdict for answer in self.answers)

    def line(self) -> str:
        """A row of the table."""
        laws = frozenset().union(*(answer.laws for answer in self.answers))
        named = ": " + ", ".join(sorted(laws)[:3]) + (", ..." if len(laws) > 3 else "") if laws else ""
        said = "caught" if self.subject.chapter else "accused"
        scope = ", ".join(self.answers[0].scope)
        group = f" ({self.subject.shape}, {self.subject.chapter})" if self.subject.chapter else f" ({scope or 'nothing asked'})"
        counted = f"{said} {self.count('nonconformant')} of {len(self.answers)}"
        return f"{counted:14} {len(laws):3} laws {self.seconds:6.1f} s  {self.subject.name}{group}{named}"

    def wrong(self) -> list[str]:
        """The reasons of the runs that say what they should not, each once."""
        right = "nonconformant" if self.subject.chapter else "conformant"
        return sorted({f"{answer.verdict}: {answer.reason}" for answer in self.answers if answer.verdict != right})


def subjects(directory: Path, *, compiled: bool) -> Iterator[Subject]:
    """Every correct implementation, then every corruption, written into `directory`."""
    sys.path.insert(0, str(TESTS))
    corpus = import_module("corpus.corruptions")
    for home in (corpus.CORRECT, *([corpus.COMPILED] if compiled else [])):
        for path in sorted(home.glob("*.py")):
            yield Subject(path.stem, str(path), path.stem)
    for corruption in corpus.CORRUPTIONS:
        path = directory / f"{corruption.name.replace(' ', '_').replace(',', '')}.py"
        path.write_text(corruption.source())
        yield Subject(corruption.name, str(path), corruption.shape, corruption.chapter)


def ask(subject: Subject, options: Mapping[str, Any]) -> Answer:
    """One run."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), Progress(Console(file=StringIO()), subject.name) as progress:
        record = run(subject.target, Options(**options), progress).record
    laws = frozenset(row.property for row in failures(record.results) if row.level == "required")
    return Answer(record.verdict, tuple(record.scope), laws, record.reason, record.seconds)


def measured(chosen: list[Subject], runs: list[dict[str, Any]], jobs: int) -> Iterator[Tally]:
    """Each subject's tally as soon as it is complete, in order."""
    tasks = [(subject, options) for subject in chosen for options in runs]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        answers = pool.map(ask, *zip(*tasks, strict=True))
        for subject in chosen:
            yield Tally(subject, [next(answers) for _ in runs])


def summed_up(tallies: list[Tally]) -> bool:
    """Print the misses, the false alarms and the figures; whether all is as it should be."""
    corruptions = [tally for tally in tallies if tally.subject.chapter]
    correct = [tally for tally in tallies if not tally.subject.chapter]
    runs, caught = sum(len(tally.answers) for tally in corruptions), sum(tally.count("nonconformant") for tally in corruptions)
    missed = [tally for tally in corruptions if not tally.count("nonconformant")]
    accused = [tally for tally in correct if tally.wrong()]
    for title, some in (("missed in some run", [tally for tally in corruptions if tally.wrong()]), ("not conformant", accused)):
        for tally in some:
            print(f"{title}: {tally.subject.name} ({tally.subject.shape})", *tally.wrong(), sep="\n    ")
    print(f"corruptions: {len(corruptions) - len(missed)} of {len(corruptions)} caught under some seed, {caught} of {runs} runs")
    print(f"correct: {len(correct) - len(accused)} of {len(correct)} conformant under every seed")
    return not missed and not accused


def main() -> None:
    """Ask, print, exit."""
    parser = argparse.ArgumentParser(description="which mistakes the suite catches, and whether it accuses correct code")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--dtype", action="append", default=[])
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--campaign", action="store_true", help="no shrinking, and no more than two failing properties a run")
    parser.add_argument("--compiled", action="store_true", help="ask the compiled implementations too: slow, and they need gcc")
    arguments = parser.parse_args()
    dtypes = tuple(arguments.dtype or ("float32", "float64"))
    common = {"profile": arguments.profile, "dtypes": dtypes, "campaign": arguments.campaign}
    runs = [{**common, "seed": seed} for seed in range(arguments.seeds)]
    with tempfile.TemporaryDirectory() as directory:
        everything = subjects(Path(directory), compiled=arguments.compiled)
        chosen = [subject for subject in everything if not arguments.only or subject.is_called(arguments.only)]
        if not chosen:
            parser.error(f"nothing in the corpus is called {' or '.join(arguments.only)}")
        tallies = []
        for tally in measured(chosen, runs, arguments.jobs):
            tallies.append(tally)
            print(tally.line(), flush=True)
    sys.exit(not summed_up(tallies))


if __name__ == "__main__":
    main()

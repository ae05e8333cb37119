"""The suite's own score: every known bug of reference/bugs over seeds and shapes of code, and correct code beside.

    python benchmarks/mutation.py [--seeds 20] [--jobs 2] [--only NAME ...] [--out DIR] [--afresh]

Bugs are asked in campaign mode (the second property that fails ends the run), seed by seed in another shape, and once to the
end in float32, so that the table knows all the laws that catch them. What is correct is asked to the end at every seed;
the fixed cases, which are the same at every seed, at the first alone. Runs are kept in DIR as they end, and not repeated unless
the code of bnspec changes. They share fork servers, so that the start of Python and the import of NumPy or torch are in hardly
any figure. Writes DIR/mutation.json and DIR/mutation.md.
Exits with 1 if a bug got through under some seed, or something correct did not come out conformant.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track

import bnspec
from bnspec import __version__, properties, reference
from bnspec.case import HALF_DTYPES
from bnspec.cli.naming import causes
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, environment, run
from bnspec.plugs.nurseries import kept_nurseries
from bnspec.properties.catalogue import VERSION, all_laws
from bnspec.properties.session import ENOUGH
from bnspec.reference.bugs import catalogue as bugs
from bnspec.reference.bugs import correct, shapes
from bnspec.reports import diagnosis, mutation
from bnspec.reports.diagnosis.findings import slug
from bnspec.reports.mutation import Run
from bnspec.reports.pages.mutation import render
from bnspec.reports.record import Diagnosis, as_json
from bnspec.reports.verdict import failures

PROFILE = "smoke"
"""How many cases a property gets."""

DTYPES = ("float32", "float64")
"""What is asked."""

FIXED = ("vectors",)
"""The chapter whose cases are the same at every seed."""

REQUIRED = {law.name for law in all_laws() if law.level == "required"}
"""The laws that decide."""

JUDGING = (bnspec, properties, reference, diagnosis)
"""The packages on which a run depends."""

CORRECT = sorted(path for path in Path(str(correct.__file__)).parent.glob("*.py") if path.stem != "__init__")
"""The files of correct code."""


PROCESS = ExitStack()
"""What lasts as long as the process."""


@dataclass(frozen=True)
class Task:
    """One run: of a bug's name in a shape, or (bug "") of a file of correct code."""

    subject: str
    bug: str
    shape: str
    seed: int
    complete: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from other runs."""
        return (self.subject, self.shape, self.seed, self.complete)


def tasks(seeds: int, only: Sequence[str]) -> Iterator[Task]:
    """All runs, seed by seed, so that what is interrupted is a whole table of fewer seeds; the complete ones of bugs at first."""
    chosen = [one for name, one in bugs.BY_NAME.items() if not only or name in only or one.slug in only]
    right = [*((f"no bug, {shape}", shape) for shape in shapes.FILES), *((path.stem, "file") for path in CORRECT)]
    right = [(name, shape) for name, shape in right if not only or name in only or "correct" in only]
    yield from (Task(one.name, one.slug, one.shapes[0], 0, complete=True) for one in chosen)
    for seed in range(seeds):
        yield from (Task(one.name, one.slug, one.shapes[seed % len(one.shapes)], seed, complete=False) for one in chosen)
        yield from (Task(name, "", shape, seed, complete=True) for name, shape in right)


def asked(task: Task) -> Run:
    """Make the file, ask it, and note what came of it."""
    with tempfile.TemporaryDirectory() as place:
        target, declared = _laid_out(task, Path(place))
        campaign = bool(task.bug)
        dtypes = _dtypes(task)
        enough = 0 if task.complete else ENOUGH
        skip = FIXED if task.seed and not task.bug else ()
        options = Options(PROFILE, task.seed, dtypes, skip=skip, convention=declared, campaign=campaign, enough=enough)
        started = perf_counter()
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), Progress(Console(file=StringIO()), target) as progress:
            record = run(target, options, progress).record
        took = perf_counter() - started
        asks = task.complete or 0 < task.seed < len(shapes.FILES)  # in each shape once
        found = causes(record, options) if asks and record.verdict == "nonconformant" else None
    advice = bool(task.bug) and not REQUIRED.intersection(bugs.bug(task.subject).laws)
    wrong = [row for row in failures(record.results) if row.level == "required" or advice]
    until = record.results[: record.results.index(wrong[0]) + 1] if wrong else record.results
    rows = sum(row.seconds for row in record.results)
    return Run(
        **{name: getattr(task, name) for name in ("subject", "bug", "shape", "seed", "complete")},
        verdict=record.verdict,
        laws=list(dict.fromkeys(row.property for row in wrong)),
        cases=sum(row.examples for row in until),
        seconds=took - rows + sum(row.seconds for row in until),
        took=took,
        reason=record.reason,
        advice=advice,
        **_naming(task, found),
    )


def _naming(task: Task, found: Sequence[Diagnosis] | None) -> dict[str, Any]:
    """How the causes that were found compare with the bug that is in it."""
    if found is None:
        return {}
    right = slug(bugs.bug(task.subject)) if task.bug else ""
    names = [slug(bugs.bug(one.bug)) for one in found if one.bug and one.confident]
    among = {slug(bugs.bug(near.bug)) for one in found for near in one.candidates}
    misnamed = sorted(set(names) - {right})
    return {"diagnosed": True, "named": right in names, "among": right in {*names, *among}, "misnamed": misnamed}


def _dtypes(task: Task) -> tuple[str, ...]:
    """What is asked: both dtypes, or the half one that shows a bug; the first of them where a bug is asked to the end."""
    shown = bugs.bug(task.subject).exposes.dtype if task.bug else ""
    dtypes = (shown,) if shown in HALF_DTYPES else DTYPES
    return dtypes[:1] if task.bug and task.complete else dtypes


def _laid_out(task: Task, place: Path) -> tuple[str, str | None]:
    """The target of a task, and the file that declares its convention where it must be declared."""
    if not task.bug and task.shape == "file":
        return str(next(path for path in CORRECT if path.stem == task.subject)), None
    file, names = place / "subject.py", [task.subject] if task.bug else []
    file.write_text(shapes.source(names, task.shape))
    declared = place / "convention.toml"
    if not task.bug or not bugs.bug(task.subject).only_against:
        return f"{file}:{shapes.NAMES[task.shape]}", None
    declared.write_text(shapes.convention_of(names, task.shape).to_toml())
    return f"{file}:{shapes.NAMES[task.shape]}", str(declared)


class Kept:
    """The runs that are done, a JSON line each, under the state of the code that they were done with."""

    def __init__(self, out: Path, *, afresh: bool) -> None:
        self._file = out / "mutation.jsonl"
        state = as_json({"code": code_digest()})
        lines = self._file.read_bytes().splitlines() if self._file.exists() and not afresh else []
        if lines[:1] != [state]:
            self._file.write_bytes(state + b"\n")
        self.runs = [msgspec.json.decode(line, type=Run) for line in lines[1:]] if lines[:1] == [state] else []

    def add(self, done: Run) -> None:
        """One more."""
        self.runs.append(done)
        with self._file.open("ab") as file:
            file.write(as_json(done) + b"\n")


def ask_all(wanted: Sequence[Task], kept: Kept, jobs: int) -> list[Run]:
    """The runs of all tasks in order; those that are kept are not repeated."""
    have = {(done.subject, done.shape, done.seed, done.complete) for done in kept.runs}
    left = [task for task in wanted if task.key not in have]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_keep_nurseries) as pool:
        futures = [pool.submit(asked, task) for task in left]
        for future in track(as_completed(futures), "asking", len(futures), console=Console(stderr=True), transient=True):
            kept.add(future.result())
    known = {(done.subject, done.shape, done.seed, done.complete): done for done in kept.runs}
    return [known[task.key] for task in wanted]


def _keep_nurseries() -> None:
    """One fork server for all runs of this process, which ends with it."""
    PROCESS.enter_context(kept_nurseries())


def code_digest() -> str:
    """What changes when the code that judges, or is judged, does."""
    files = sorted({path for package in JUDGING for path in Path(str(package.__file__)).parent.rglob("*.py")})
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _wrong(runs: Iterable[Run]) -> list[str]:
    """The runs that did not end as they should. What is asked to the end in float32 may be a bug that only float64 shows."""
    judged = [done for done in runs if not (done.bug and done.complete)]
    return [
        f"{done.subject} ({done.shape}, seed {done.seed}): {done.verdict}: {done.reason}" for done in judged if not done.is_right
    ]


def main() -> None:
    """Ask, write, print, exit."""
    parser = argparse.ArgumentParser(description="which known bugs the suite catches, by which laws, how soon")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a bug, a correct file, or `correct`")
    parser.add_argument("--out", type=Path, default=Path("reports/out"))
    parser.add_argument("--afresh", action="store_true", help="forget the runs that are kept")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = ask_all(list(tasks(arguments.seeds, arguments.only)), Kept(arguments.out, afresh=arguments.afresh), arguments.jobs)
    chapters = {law.name: law.chapter for law in all_laws()}
    about = {"suite": __version__, "laws": VERSION, "profile": PROFILE, "environment": environment(), "chapters": chapters}
    score = mutation.scored(runs, **about)
    mutation.save(score, arguments.out / "mutation.json")
    (arguments.out / "mutation.md").write_text(render(score), encoding="utf-8")
    print(render(score).partition("\n## Bugs")[0])
    print(*_wrong(runs), sep="\n")
    sys.exit(bool(_wrong(runs)))


if __name__ == "__main__":
    main()

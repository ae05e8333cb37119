"""How well mistakes are named, from a few calls alone, in this process: without the properties, so that it takes minutes.

    python benchmarks/naming.py [bugs] [left-out] [pairs] [correct] [corpus] [--dtype float32] [--only NAME ...] [--part K/N] [-v]

bugs      every form of every known bug, on a shape of code that it was not written in
left-out  the same with the bug taken out of the zoo: then no name is right
pairs     two bugs that damage different parts, drawn from a seed
correct   correct implementations, of which nothing may be said
corpus    one-line corruptions that the zoo was not made from: what is said of each has to be read
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from pathlib import Path
from time import process_time

from bnspec.case import HALF_DTYPES
from bnspec.plugs.link import open_link
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject
from bnspec.properties.catalogue import all_laws
from bnspec.properties.session import declared_choices
from bnspec.reference.bugs import catalogue, correct, shapes
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.diagnosis.asking import Asker
from bnspec.reports.diagnosis.consistency import Consistency
from bnspec.reports.diagnosis.evidence import Evidence
from bnspec.reports.diagnosis.findings import slug
from bnspec.reports.diagnosis.naming import Naming
from bnspec.reports.diagnosis.panel import Terms, panel
from bnspec.reports.diagnosis.unknown import described

SHAPES = ("pair", "module", "class")
"""The shapes of code, those first that the bugs were not written in."""

KINDS = ("bugs", "left-out", "pairs", "correct", "corpus")

ALIKE = (
    {"fwd-eps-missing", "fwd-eps-missing-in-eval"},
    {"fwd-training-kwarg-ignored", "mode-flag-inverted"},
    {"rs-replaced-by-last-batch", "cma-counter-stuck"},
)
"""Bugs that are the same mistake in both modes and in one of them, or under two conventions: without the one the other is right."""

KIN = {name: frozenset(alike) for alike in ALIKE for name in alike}

PAIRS = 60
"""Pairs of bugs that are drawn."""

REQUIRED = {law.name for law in all_laws() if law.level == "required"}
"""The laws that decide. A bug against which there is only advice is no cause of a failure."""

SECONDS = 20.0
"""How long one is asked at most."""

TESTS = Path(__file__).resolve().parents[1] / "tests"


@dataclass
class Task:
    """One thing to name: a file, or bugs to be put on one; `without`: slugs that are not in the zoo."""

    name: str
    bugs: Sequence[Bug] = ()
    file: Path | None = None
    text: str = ""
    without: frozenset[str] = frozenset()


@dataclass
class Said:
    """What was said of it: confident names, all candidates, and a description of the rest."""

    names: list[str] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)
    rest: str = ""
    lines: list[str] = field(default_factory=list)


def tasks(kind: str) -> Iterator[Task]:
    """All that there is of a kind."""
    match kind:
        case "bugs":
            yield from (Task(one.name, [one]) for one in catalogue.ALL)
        case "left-out":
            yield from (Task(one.name, [one], without=KIN.get(slug(one), frozenset()) | {slug(one)}) for one in catalogue.ALL)
        case "pairs":
            yield from _pairs()
        case "correct":
            yield from (Task(f"no bug, {shape}", file=None, text=shapes.source((), shape)) for shape in SHAPES)
            homes = (Path(str(correct.__file__)).parent, TESTS / "corpus" / "correct")
            files = [path for home in homes for path in sorted(home.glob("*.py")) if path.stem not in ("__init__", "slow")]
            yield from (Task(path.stem, file=path) for path in files)
        case "corpus":
            sys.path.insert(0, str(TESTS))
            corruptions = import_module("corpus.corruptions").CORRUPTIONS
            yield from (Task(f"{one.name} ({one.shape}): {one.wrong}", text=one.source()) for one in corruptions)


def _pairs() -> Iterator[Task]:
    """Pairs of first forms that override different steps and damage different parts."""
    rng, forms = random.Random(1), list(catalogue.BUGS.values())
    drawn = 0
    while drawn < PAIRS:
        one, two = rng.sample(forms, 2)
        apart = not set(one.damages) & set(two.damages) and not one.overrides & two.overrides
        if apart and not ({**one.under, **one.only_against}.keys() & {**two.under, **two.only_against}.keys()):
            drawn += 1
            yield Task(f"{one.name} + {two.name}", [one, two])


def said_of(task: Task, dtype: str) -> Said:
    """Lay it out as a file, open it in this process, and name what is wrong with it."""
    with tempfile.TemporaryDirectory() as place, redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target, declared = _laid_out(task, Path(place))
        zoo = [one for one in catalogue.ALL if slug(one) not in task.without]
        for first in dict.fromkeys((dtype, "float64", "float16")):
            said = _named(target, declared, zoo, first, {slug(one) for one in task.bugs})
            if said.names or said.rest:
                break
        return said


def _laid_out(task: Task, place: Path) -> tuple[str, str | None]:
    """The target, and the declaration of its convention where it needs one."""
    if task.file is not None:
        return str(task.file), None
    file, names = place / "subject.py", [one.name for one in task.bugs]
    shape = next((shape for shape in SHAPES if all(shape in one.shapes for one in task.bugs)), "class")
    file.write_text(task.text or shapes.source(names, shape), encoding="utf-8")
    if not any(one.under or one.only_against for one in task.bugs):
        return str(file) + (f":{shapes.NAMES[shape]}" if task.bugs else ""), None
    declared = place / "declared.toml"
    declared.write_text(shapes.convention_of(names, shape).to_toml(), encoding="utf-8")
    return f"{file}:{shapes.NAMES[shape]}", str(declared)


def _named(target: str, declared: str | None, zoo: Sequence[Bug], dtype: str, there: set[str]) -> Said:
    with open_link(target, in_process=True) as link:  # type: ignore[union-attr]
        subject = Subject(link)
        subject.declared = declared_choices(declared, link.started.text("convention"))
        halves = HALF_DTYPES[:1] if dtype in HALF_DTYPES else ()
        measured = measure(subject, subject.declared, ("float32", "float64", *halves))
        dtypes = [name for name, refused in measured.dtypes.items() if not refused] or ["float32"]
        dtypes.sort(key=lambda name: name != dtype)
        terms = Terms.of(subject, dtypes)
        evidence = Evidence(subject.convention, terms.fixed)
        asker = Asker(subject, SECONDS)
        evidence.gather(panel(terms), asker)
        naming = Naming(evidence, zoo, subject.declared, consistent=Consistency(asker, terms))
        naming.run()
    return _said(naming, there)


def _said(naming: Naming, there: set[str]) -> Said:
    found = Said()
    for finding in naming.findings:
        matches = [f"{one.bug.name} {one.agrees}/{one.of} {one.whole:+d}" for one in finding.matches[:3]]
        found.lines.append(f"    {'named' if finding.is_named else 'open'} {finding.component} {len(finding.deviating)}: {matches}")
        found.candidates += [slug(one.bug) for one in finding.matches[:3]]
        name = slug(finding.leaders[0].bug) if finding.is_named else ""
        if name and (name in there or _decides(finding.leaders[0].bug, naming)):
            found.names.append(name)
    open_ones = [finding for finding in naming.findings if not finding.is_named]
    found.rest = described(naming.evidence, open_ones, naming.names) if open_ones else ""
    return found


def _decides(bug: Bug, naming: Naming) -> bool:
    """Whether required laws are against it, or it was declared to be a bug."""
    return bool(REQUIRED.intersection(bug.laws)) or bool(bug.only_against.keys() & naming.declared.keys())


@dataclass
class Tally:
    """What the answers of one kind come to."""

    asked: int = 0
    first: int = 0
    among: int = 0
    wrong: int = 0
    silent: int = 0

    def count(self, task: Task, said: Said) -> bool:
        """One more; whether all is as it should be."""
        right = {slug(one) for one in task.bugs} - task.without
        self.asked += 1
        self.first += bool(right) and right <= set(said.names)
        self.among += bool(right) and right <= {*said.names, *said.candidates}
        self.wrong += bool(set(said.names) - right)
        self.silent += not said.lines
        return set(said.names) == right and (bool(right) or not said.lines or bool(task.without))


def main() -> None:
    """Ask, print."""
    parser = argparse.ArgumentParser(description="how well mistakes are named, from a few calls alone")
    parser.add_argument("kinds", nargs="*", default=["bugs"], help=f"some of {', '.join(KINDS)}")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--part", default="1/1", metavar="K/N")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    for kind in arguments.kinds:
        tally, began = Tally(), process_time()
        chosen = [task for task in tasks(kind) if not arguments.only or any(name in task.name for name in arguments.only)]
        for task in chosen[part - 1 :: parts]:
            said = said_of(task, arguments.dtype)
            if not tally.count(task, said) or arguments.verbose or kind == "corpus":
                print(
                    task.name,
                    "->",
                    ", ".join(said.names) or "no name",
                    *said.lines,
                    *([said.rest] if said.rest else []),
                    sep="\n  ",
                )
                sys.stdout.flush()
        seconds = (process_time() - began) / max(tally.asked, 1)
        print(
            f"{kind}: named {tally.first} of {tally.asked}, among the candidates {tally.among}, a wrong name {tally.wrong},"
            f" nothing said {tally.silent}; {seconds:.2f} s each",
            flush=True,
        )


if __name__ == "__main__":
    main()

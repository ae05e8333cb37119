"""Which mistakes bnspec catches, and which the ways in which people check today; how soon; and whether any accuses right code.

    python benchmarks/detection.py [--only NAME ...] [--folder DIR] [--jobs 2] [--out reports/out] [--afresh]

Every form of every known bug of reference/bugs, in the first shape of code that it can have, and right code beside: asked by
bnspec in campaign mode, and by each way of benchmarks/rivals, which is told the convention. --folder asks the Python files of a
directory instead, each time; those whose names begin with `right` or `correct` are right. Other runs are kept in
DIR/detection.jsonl as they end, and not repeated. Writes DIR/detection.json (or detection-FOLDER), .md and, with matplotlib, .svg.
Needs torch and onnx. Seconds are of this machine, with all imports done; a rival's are of its checks alone.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from importlib import import_module
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import msgspec
from detection_table import LIMIT, OURS, RIVALS, Found, figures, markdown, plot
from mutation import CORRECT, REQUIRED, code_digest
from rich.console import Console
from rich.progress import track

from bnspec.case import HALF_DTYPES
from bnspec.cli.naming import TooSlow, causes
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, environment, run
from bnspec.convention import Convention
from bnspec.implementation import NotOffered
from bnspec.plugs.faults import BudgetSpent, Fault
from bnspec.plugs.link import open_link
from bnspec.plugs.load import load
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject as Asking
from bnspec.reference.bugs import catalogue as bugs
from bnspec.reference.bugs import shapes
from bnspec.reference.layers import tutorial as reference_layer
from bnspec.reports.diagnosis.findings import slug
from bnspec.reports.record import as_json
from bnspec.reports.verdict import failures

DTYPES = ("float32", "float64")

BY_PLACE = ("ranks", "channel_axis", "backward", "accumulate")
"""Choices that a rival is told as they are measured; the others as they are declared, where they are."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Something to ask: `bug` is the name of what is wrong with it, "" for right code, "?" for what has no name here."""

    name: str
    bug: str
    shape: str = "file"
    path: str = ""


def subjects(only: Sequence[str], folder: Path | None) -> Iterator[Subject]:
    """Every known bug, then right code; or what is in a folder."""
    if folder is not None:
        for path in sorted(folder.glob("*.py")):
            right = path.stem.startswith(("right", "correct"))
            yield Subject(name=path.stem, bug="" if right else "?", path=str(path.resolve()))
        return
    for name, one in bugs.BY_NAME.items():
        if not only or name in only or one.slug in only:
            yield Subject(name=name, bug=name, shape=one.shapes[0])
    if not only or "correct" in only:
        yield from (Subject(name=f"no bug, {shape}", bug="", shape=shape) for shape in shapes.FILES)
        tests = Path(__file__).resolve().parents[1] / "tests" / "corpus" / "correct"
        for path in (*CORRECT, *sorted(tests.glob("*.py"))):
            yield Subject(name=path.stem, bug="", path=str(path))


def asked(subject: Subject) -> list[Found]:
    """What every way says of a subject."""
    with tempfile.TemporaryDirectory() as place, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        target, declared = laid_out(subject, Path(place))
        found = [by_us(subject, target, declared, Path(place))]
        convention = known_convention(subject, target, declared)
        return found + [by_rival(subject, way, target, convention) for way in RIVALS]


def laid_out(subject: Subject, place: Path) -> tuple[str, Convention | None]:
    """The target, and its convention where that is declared."""
    if subject.path:
        return subject.path, None
    names, file = [subject.bug] if subject.bug else [], place / "subject.py"
    file.write_text(shapes.source(names, subject.shape))
    return f"{file}:{shapes.NAMES[subject.shape]}", shapes.convention_of(names, subject.shape)


def by_us(subject: Subject, target: str, declared: Convention | None, place: Path) -> Found:
    """A bug in campaign mode, right code to the end; then, apart, the name of the mistake."""
    bug = bugs.bug(subject.bug) if subject.bug not in ("", "?") else None
    dtypes = (bug.exposes.dtype,) if bug and bug.exposes.dtype in HALF_DTYPES else DTYPES
    file = None
    if bug and bug.only_against and declared:
        file = str(place / "convention.toml")
        Path(file).write_text(declared.to_toml())
    options = Options("smoke", 0, dtypes, convention=file, campaign=bool(subject.bug), enough=1)
    started = perf_counter()
    with Progress(Console(file=StringIO()), target) as progress:
        record = run(target, options, progress).record
    seconds = perf_counter() - started
    advice = bug is not None and not REQUIRED.intersection(bug.laws)
    wrong = [row for row in failures(record.results) if row.level == "required" or advice]
    complaints = [f"{row.property}: {row.status}" for row in wrong]
    if not complaints and record.verdict != "conformant" and not bug:
        complaints = [f"{record.verdict}: {record.reason}"]
    named = False
    if bug and wrong:
        with suppress(Fault, BudgetSpent, TooSlow):
            named = any(one.bug and one.confident and slug(bugs.bug(one.bug)) == slug(bug) for one in causes(record, options))
    return Found(subject=subject.name, bug=subject.bug, way=OURS, complaints=complaints[:5], seconds=seconds, named=named)


def known_convention(subject: Subject, target: str, declared: Convention | None) -> Convention:
    """What somebody knows who checks it by hand: what it is meant to be, and in which shapes it can be asked."""
    usual = declared or Convention()
    try:
        with open_link(target) as link:
            found = measure(Asking(link), {}, ["float32"]).convention
    except Fault:
        return usual
    return replace(usual, **{name: getattr(found, name) for name in BY_PLACE}) if declared else found


def by_rival(subject: Subject, way: str, target: str, convention: Convention) -> Found:
    """One of the other ways, in a process of its own that has everything imported."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=judged, args=(way, target, convention, theirs))
    started = perf_counter()
    process.start()
    theirs.close()
    complaints, seconds = ["no answer in time: it hangs"], LIMIT
    if ours.poll(LIMIT):
        try:
            complaints, seconds = ours.recv()
        except EOFError:
            complaints, seconds = ["it ended the process"], perf_counter() - started
    process.kill()
    process.join()
    return Found(subject=subject.name, bug=subject.bug, way=way, complaints=complaints, seconds=seconds)


def judged(way: str, target: str, convention: Convention, answers: Connection) -> None:
    """In the child: the complaints of a way, and the seconds of its checks."""
    asked_by_hand, rival = import_module("rivals.asked"), import_module(f"rivals.{way}")
    complaints: list[str] = []
    started = perf_counter()
    try:
        asked = asked_by_hand.Asked(load(target), convention)
        started = perf_counter()
        complaints += rival.check(asked)
    except (NotOffered, NotImplementedError):
        pass  # this way cannot ask it
    except Exception as error:
        complaints.append(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    answers.send((complaints[:5], perf_counter() - started))


def warm() -> None:
    """Use every rival once on right code before anything is timed: frameworks import much of themselves only then."""
    import_module("torch").set_num_threads(1)
    asked = import_module("rivals.asked").Asked(reference_layer, reference_layer.convention)
    with warnings.catch_warnings(action="ignore"):
        for way in RIVALS:
            list(import_module(f"rivals.{way}").check(asked))


class Kept:
    """The findings that are known, a JSON line each, under the state of the code that they were made with."""

    def __init__(self, file: Path, *, afresh: bool) -> None:
        self._file = file
        rivals = b"\0".join(path.read_bytes() for path in sorted((Path(__file__).parent / "rivals").glob("*.py")))
        state = as_json({"code": code_digest(), "rivals": hashlib.sha256(rivals).hexdigest()})
        lines = self._file.read_bytes().splitlines() if self._file.exists() and not afresh else []
        if lines[:1] != [state]:
            self._file.write_bytes(state + b"\n")
        self.found = [msgspec.json.decode(line, type=Found) for line in lines[1:]] if lines[:1] == [state] else []

    def add(self, found: Sequence[Found]) -> None:
        """Those of one subject more."""
        self.found += found
        with self._file.open("ab") as file:
            file.write(b"".join(as_json(one) + b"\n" for one in found))


def ask_all(wanted: Sequence[Subject], kept: Kept, jobs: int) -> list[Found]:
    """What is said of all subjects, those that are known included."""
    have = {one.subject for one in kept.found}
    left = [subject for subject in wanted if subject.name not in have]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=warm) as pool:
        futures = [pool.submit(asked, subject) for subject in left]
        for future in track(as_completed(futures), "asking", len(futures), console=Console(stderr=True), transient=True):
            kept.add(future.result())
    names = {subject.name for subject in wanted}
    return [one for one in kept.found if one.subject in names]


def main() -> None:
    """Ask, write, print."""
    parser = argparse.ArgumentParser(description="which mistakes bnspec catches, and which other ways of checking")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a bug, or `correct`")
    parser.add_argument("--folder", type=Path, help="ask the Python files in it instead")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/out"))
    parser.add_argument("--afresh", action="store_true", help="forget what is kept")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    wanted = list(subjects(arguments.only, arguments.folder))
    if not wanted:
        parser.error("there is nothing of this name")
    name = "detection" if arguments.folder is None else f"detection-{arguments.folder.resolve().name}"
    kept = Kept(arguments.out / f"{name}.jsonl", afresh=arguments.afresh or arguments.folder is not None)
    found = ask_all(wanted, kept, arguments.jobs)
    rows = figures(found)
    content = {"environment": environment(), "figures": rows, "found": [msgspec.to_builtins(one) for one in found]}
    (arguments.out / f"{name}.json").write_bytes(msgspec.json.format(as_json(content), indent=1) + b"\n")
    (arguments.out / f"{name}.md").write_text(markdown(found, rows), encoding="utf-8")
    plot(found, arguments.out / f"{name}.svg")
    print(markdown(found, rows))
    ours = rows[0]
    sys.exit(ours["caught"] < ours["of"] or bool(ours["accused"]))


if __name__ == "__main__":
    main()

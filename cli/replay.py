"""`bnspec replay`: one failure of a record again, in this process, where a debugger can follow it."""

from __future__ import annotations

import bdb
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from bnspec.blame import told
from bnspec.case import Array
from bnspec.cli.choice import Unchosen, asked_target, chosen_failure, chosen_record, list_failures
from bnspec.cli.narration import answered, call_in_words
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options
from bnspec.cli.screen import Screen
from bnspec.cli.stepping import Stepping
from bnspec.cli.ways import run_side_by_side
from bnspec.convention import BadConvention
from bnspec.plugs.adapter import Bound, TargetError
from bnspec.plugs.link import BudgetSpent, Fault, open_link
from bnspec.plugs.load import load
from bnspec.plugs.program import command_of
from bnspec.properties.judge import in_words
from bnspec.properties.outcomes import told_fault
from bnspec.properties.plugin import PROFILES
from bnspec.properties.test_purity import CHANGED
from bnspec.reports import record as records
from bnspec.reports.checks import Check, Difference, checks_of, difference
from bnspec.reports.inert import clean, clip, one_line
from bnspec.reports.record import Record, Row
from bnspec.reports.rerun import Answer, asking, asking_link
from bnspec.reports.trace import BackwardStep, ForwardStep, LayerStep, Step
from bnspec.reports.verdict import FAILING, title_of

STILL, GONE, CANNOT = 1, 0, 2
"""Exit codes: the failure is there, it is no longer there, it cannot be told."""

RISKS = {
    "crash": "this ended its process in the check, and now that process is this one; what is shown last was being asked then",
    "timeout": "this gave no answer in the check, and nothing but Ctrl-C ends it here",
}
"""What may become of a replay."""

Outcome = Mapping[str, Array] | Exception


@dataclass(frozen=True)
class Wanted:
    """What the command line says.

    target      what to ask instead of the record's own target;  record: which of several
    convention  the declared convention, for a law that must be asked as a whole
    again       the command itself, for whoever has still to choose a failure
    worst       the property whose worst case is asked, instead of a failure
    """

    path: Path
    failure: int | None
    target: str | None = None
    record: str | None = None
    pdb: bool = False
    convention: str | None = None
    again: str = "bnspec replay RECORD"
    worst: str | None = None


def replay(wanted: Wanted) -> int:
    """Make the calls of a failure again and compare, or list the failures; 1 it still fails, 0 it no longer does, 2 no telling."""
    screen = Screen()
    try:
        if wanted.worst is not None:
            from bnspec.cli.worst import WorstReplay, worst_row

            record = chosen_record(wanted.path, wanted.record, wanted.target)
            return WorstReplay(record, worst_row(record, wanted.worst), wanted, screen).run()
        if wanted.failure is None:
            found = [chosen_record(wanted.path, wanted.record, None)] if wanted.record else records.load(wanted.path)
            list_failures(found, screen, f"next: {wanted.again} --failure K")
            return 0
        record = chosen_record(wanted.path, wanted.record, wanted.target)
        return Replay(record, chosen_failure(record, wanted.failure), wanted, screen).run()
    except Fault as fault:
        print(f"bnspec: {clip(fault.text)}", file=sys.stderr)
    except (Unchosen, records.BadRecord, BadConvention, TargetError, BudgetSpent) as trouble:
        print(f"bnspec: {clip(str(trouble))}", file=sys.stderr)
    except bdb.BdbQuit:
        print("bnspec: the debugger was left, so nothing was compared", file=sys.stderr)
    return CANNOT


class Replay:
    """One failure, and the target that is asked: the record's own, unless another is named."""

    def __init__(self, record: Record, row: Row, wanted: Wanted, screen: Screen) -> None:
        self.record = record
        self.row = row
        self.wanted = wanted
        self.screen = screen
        self.target = asked_target(record, wanted.target)
        self.trace = row.counterexample.trace if row.counterexample else []
        self.checks = checks_of(record, row)
        self.stepping: Stepping | None = None

    def run(self) -> int:
        """Ask, show, compare; the exit code."""
        self._say(self._heading(), "bold")
        if not self.trace:
            return self._ask_the_law("the record holds no calls for it, since its law compares many")
        with ExitStack() as stack:
            outcomes = self._ask(self._asker(stack))
        self.screen.print()
        return self._conclude(outcomes)

    def _heading(self) -> str:
        law = f"{title_of(self.row)} ({self.row.property}, {self.row.level})"
        return f"failure {self.wanted.failure}, {self.row.dtype}: {one_line(law)}"

    def _asker(self, stack: ExitStack) -> Iterator[Outcome]:
        """What asks the target, step by step."""
        if command_of(self.target):
            self._say(f"{one_line(self.target)} is a program: it is asked in a process of its own", "yellow")
            return asking_link(self.trace, stack.enter_context(open_link(self.target)))
        bound = _loaded(self.target, moved=self.wanted.target is None)
        self._say(f"{one_line(self.target)}\n{clip(bound.bound)}", "dim")
        if self.wanted.target is None and bound.bound.splitlines() != self.record.bound:
            self._say("it is called otherwise than when the record was made: the code has changed", "yellow")
        self.stepping = Stepping(bound.layer)
        return asking(self.trace, self.stepping.layer, let_through=(KeyboardInterrupt, bdb.BdbQuit))

    def _ask(self, asker: Iterator[Outcome]) -> list[Outcome]:
        """The outcome of every step. Its call is shown before it is made, so that the last one shown is the one that ends us."""
        if risk := RISKS.get(self.row.status):
            self._say(f"careful: {risk}", "yellow")
        stop, outcomes = failing_call(self.row, self.trace) if self.wanted.pdb else None, list[Outcome]()
        for number, step in enumerate(self.trace):
            self._say(call_in_words(number, step))
            sys.stdout.flush()
            if self.stepping is not None:
                self.stepping.step, self.stepping.entered = number, stop
            outcomes.append(next(asker))
            self._say(answered(outcomes[-1], {check.name: check for check in self.checks.of if check.step == number}), "cyan")
        return outcomes

    def _conclude(self, outcomes: list[Outcome]) -> int:
        """What the outcomes come to: errors first, then wrong answers, then what was changed on the way."""
        if fault := self._fault(outcomes):
            if fault.status == "unsupported":
                raise Unchosen(f"{one_line(self.target, 80)} does not offer {fault.op}: {one_line(fault.text)}")
            self._say(clean(self.stepping.traceback(outcomes.index(fault))) if self.stepping else "", "dim")
            return self._failed(told_fault(fault))
        found = [_difference(check, outcomes[check.step]) for check in self.checks.of]
        if wrong := [one for one in found if one is not None]:
            return self._failed(_told(max(wrong, key=lambda one: one.ratio)))
        if self.row.counterexample and self.row.counterexample.component == "purity":
            noticed = {word for one in outcomes if isinstance(one, Answer) for word in one.noticed}
            changed = [what for word, what in CHANGED.items() if word in noticed]
            return self._failed(f"{changed[0]} was changed by a call; it belongs to the caller") if changed else self._gone()
        return self._gone() if self.checks.sure else self._ask_the_law("each answer is right by itself, and its law compares more")

    def _fault(self, outcomes: list[Outcome]) -> Fault | None:
        """The first error, if one came where an answer was due; an error may be an answer where none is compared."""
        faults = [one for one in outcomes if isinstance(one, Fault)]
        due = {check.step for check in self.checks.of}
        asked_for_errors = self.row.status in ("error", "crash", "timeout") and not due
        return faults[0] if faults and (asked_for_errors or any(isinstance(outcomes[at], Fault) for at in due)) else None

    def _ask_the_law(self, why: str) -> int:
        """Ask the whole law again, by the record's seed, where its calls alone do not tell."""
        stops = "; --pdb has no call to stop in" if self.wanted.pdb and not self.trace else ""
        self._say(f"{why}; it is asked again as a whole, in this process{stops}", "yellow")
        options = Options(
            profile=self.record.profile if self.record.profile in PROFILES else "standard",
            cases=self.record.cases or None,
            seed=self.record.seed,
            dtypes=(self.row.dtype,),
            only=(self.row.property,),
            convention=self.wanted.convention,
            in_process=not command_of(self.target),
        )
        with Progress(self.screen, self.target) as progress:
            asked = run_side_by_side(self.target, options, progress, jobs=1).record
        row = next(iter(asked.results), None)
        if row is not None and row.status in FAILING:
            return self._failed(row.counterexample.message if row.counterexample else row.reason)
        if row is not None and row.status == "pass":
            return self._gone()
        raise Unchosen(f"the law {self.row.property} cannot be asked: {one_line(row.reason if row else asked.reason)}")

    def _failed(self, message: str) -> int:
        """Say what fails, in the record's own words where they are the same."""
        recorded = self.row.counterexample.message if self.row.counterexample else self.row.reason
        first, same = one_line(recorded.partition("\n")[0]), recorded.partition("\n")[0] == message.partition("\n")[0]
        self._say(clip(recorded if same else message), "red")
        self._say("" if same else f"in the record: {first}", "dim")
        self._say("it still fails", "bold red")
        return STILL

    def _gone(self) -> int:
        self._say("it no longer fails", "bold green")
        return GONE

    def _say(self, text: str, style: str = "") -> None:
        for line in text.rstrip().splitlines():
            self.screen.print(Text(line, style=style), soft_wrap=True)


def failing_call(row: Row, trace: Sequence[Step]) -> int | None:
    """The step to go into: the one that computes what is shown, or else the last that computes anything."""
    shows = row.counterexample.shows if row.counterexample else None
    computing = [number for number, step in enumerate(trace) if isinstance(step, LayerStep | ForwardStep | BackwardStep)]
    if shows is not None and shows.step < len(trace):
        layer = trace[shows.step].layer
        computing = [number for number in computing if number <= shows.step and trace[number].layer == layer]
    return max(computing, default=None)


def _loaded(target: str, *, moved: bool) -> Bound:
    """The target, in this process; a sentence for one that is not there or cannot be loaded."""
    try:
        return load(target)
    except TargetError as error:
        sentence = str(error).partition("\n")[0]
        hint = "; if it has moved, say where with --target" if moved and sentence.startswith("there is no") else ""
        raise Unchosen(f"{sentence}{hint}") from None
    except (Exception, SystemExit) as error:
        raise Unchosen(f"{one_line(target, 80)} cannot be loaded: {told(error)}") from None


def _difference(check: Check, outcome: Outcome) -> Difference | None:
    return None if isinstance(outcome, Exception) else difference(check, outcome)


def _told(found: Difference) -> str:
    """The judge's words for a difference."""
    name, want = found.check.name, found.check.expected.shape
    if found.index is None:
        return f"{name} has shape {found.shape}; {want} was expected"
    return in_words(name, found.index, found.got, found.want, found.bound, found.ratio)

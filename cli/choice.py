"""One failure of a file of records, as the command line names it; or all of them, with their numbers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from bnspec.cli.screen import Screen
from bnspec.plugs.program import command_of
from bnspec.reports.inert import one_line
from bnspec.reports.pages.wording import apart, place
from bnspec.reports.record import BadRecord, Record, Row, load
from bnspec.reports.verdict import failures, title_of


class Unchosen(ValueError):
    """What was named is not there; the sentence says what is."""


def chosen_record(path: Path, which: str | None, target: str | None) -> Record:
    """The record of the file that `which` names, by its number or its target; of several one must be named, by `target` too."""
    try:
        records = load(path)
    except BadRecord as bad:
        raise Unchosen(str(bad)) from None
    named = which or target
    found = [one for number, one in enumerate(records, start=1) if named in (str(number), one.target)]
    if len(found) == 1:
        return found[0]
    if len(records) == 1 and which is None:
        return records[0]
    there = "; ".join(f"{number} is {one_line(one.target, 80)}" for number, one in enumerate(records[:20], start=1))
    wanted = "name one of them with --record" if which is None else f"none, or more than one, of them is {one_line(which, 80)!r}"
    raise Unchosen(f"{path} holds {len(records)} records, and {wanted}: {there or 'it is empty'}")


def chosen_failure(record: Record, number: int) -> Row:
    """Failure K of a record, counted from 1 as the terminal and the pages do."""
    found = failures(record.results)
    if not found:
        raise Unchosen(f"nothing fails in the record of {one_line(record.target, 80)}: it is {record.verdict}")
    if not 1 <= number <= len(found):
        raise Unchosen(f"there is no failure {number}; the record of {one_line(record.target, 80)} has {_counted(len(found))}")
    return found[number - 1]


def asked_target(record: Record, target: str | None) -> str:
    """What to ask: the target that was named, else the record's. A program must be named: anybody may have written the record."""
    if target is None and command_of(record.target):
        said = one_line(record.target, 80)
        raise Unchosen(f"the record's target is a program, {said!r}; to run it, name it yourself: --target {shlex.quote(said)}")
    return target or record.target


def list_failures(records: Sequence[Record], screen: Screen, following: str) -> None:
    """Every failure with its number, and the command for one of them."""
    for at, record in enumerate(records, start=1):
        which = f"record {at}: " if len(records) > 1 else ""
        found = failures(record.results)
        count = _counted(len(found)) if found else f"nothing fails, {record.verdict}"
        _line(screen, f"{which}{one_line(record.target)}: {count}", style="bold")
        for number, row in enumerate(found, start=1):
            _line(screen, f"{number:4}  {row.dtype}  {row.status}: {one_line(title_of(row), 90)}: {_seen(row)}")
    _line(screen, following)


def _seen(row: Row) -> str:
    example = row.counterexample
    if row.status == "fail" and example is not None and example.got is not None and example.want is not None:
        got, want = apart(example.got, example.want)
        return one_line(f"{place(example)} is {got}, should be {want}")
    told = example.message if example and row.status != "flaky" else row.reason
    return one_line(told.strip().partition("\n")[0], 120)


def _counted(failing: int) -> str:
    return f"{failing} failure{'' if failing == 1 else 's'}"


def _line(screen: Screen, text: str, style: str = "") -> None:
    screen.print(Text(text, style=style), soft_wrap=True)

"""One screen: the verdict and its scope, what was asked, what failed and why, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnspec.reports.grades import accuracy
from bnspec.reports.inert import clean, clip, one_line
from bnspec.reports.pages import terminal_causes
from bnspec.reports.pages.examples import difference, in_words
from bnspec.reports.pages.folding import Cause, Folded, folded
from bnspec.reports.pages.lines import say, wrapped
from bnspec.reports.pages.summary import Chapter, Finding, chapters, findings
from bnspec.reports.pages.wording import convention_line, listed, number
from bnspec.reports.record import Record
from bnspec.reports.verdict import title_of

EXPLAINED = 3
"""Failures that are explained; the others are named."""

SCREEN = 24
"""Lines that a passing run may take."""

AROUND = 3
"""Lines of that screen that are always there: a blank one, the table's heading, the next command."""

NAMED_LINES = 2
"""Lines for the names of chapters that the table has no room for."""

UNASKED_LINES = 6
"""Lines for the sentence that says why nothing could be asked."""

COLOURS = {"conformant": "bold green", "nonconformant": "bold red", "inconclusive": "bold yellow"}
STATE_COLOURS = {"fail": "red", "undecided": "yellow", "advice": "yellow", "pass": "green", "unsupported": "dim"}

COLUMNS = {"passed": "pass", "failed": "fail", "open": "undecided", "advice": "advice", "unsupported": "unsupported"}
"""Headings of the counts, and the state that each counts."""

ALWAYS = ("passed", "failed", "unsupported")
"""Counts that are shown even where all are zero."""


def render(record: Record, console: Console, *, files: Sequence[str] = (), following: str = "") -> None:
    """Print the record; `files` are the paths that were written. The next command is `following`, or chosen by what there is."""
    told = folded(record)
    broken = [finding for finding in told.rest if finding.row.level == "required"]
    advice = _named("recommended, not met:", [finding for finding in told.rest if finding.row.level == "recommended"])
    wrote = _wrote(files)
    used = _verdict(record, console, lines=1 if told.causes else 2)
    if told.causes:
        _causes(told.causes, console)
        if broken:
            console.print()
            say(console, f"{told.heading}:", style="bold")
        _failures(broken, console)
        console.print()
        _circumstances(record, console, lines=1)
        say(console, _failed_checks(record))
    else:
        used += _circumstances(record, console, lines=2)
        room = SCREEN - used - AROUND - sum(len(wrapped(text, console, 2)) for text in (advice, wrote))
        _table(record, console, room=0 if broken else room)
        _failures(broken, console)
    say(console, advice, style="yellow", lines=2)
    say(console, wrote, style="dim", lines=2)
    console.print(Text(f"next: {following or _next(record, told, files)}"), soft_wrap=True, highlight=False)


def _verdict(record: Record, console: Console, *, lines: int) -> int:
    """Verdict, target and reason in so many lines; the number of lines that they took."""
    headline = Text(record.verdict.upper(), style=COLOURS[record.verdict]) + Text(f"  {one_line(record.target)}", style="bold")
    console.print(headline, no_wrap=True, overflow="ellipsis", highlight=False)
    return 1 + _reason(record, console, lines)


def _causes(causes: Sequence[Cause], console: Console) -> None:
    """The first causes with what is folded under them, the others in a few words."""
    for place, cause in enumerate(causes[:EXPLAINED], start=1):
        terminal_causes.show(cause, console, which=f"Mistake {place}. " if len(causes) > 1 else "")
    rest = "; ".join(cause.title or cause.diagnosis.text for cause in causes[EXPLAINED:])
    say(console, f"{len(causes) - EXPLAINED} more mistakes: {rest}" if rest else "", style="yellow", lines=2)


def _failures(broken: Sequence[Finding], console: Console) -> None:
    """The most telling in full, the others by name."""
    for finding in broken[:EXPLAINED]:
        _explain(finding, console)
    say(console, _named(f"{len(broken) - EXPLAINED} more:", broken[EXPLAINED:]), style="yellow", lines=2)


def _circumstances(record: Record, console: Console, *, lines: int) -> int:
    """Scope, how it was called, convention, assurance and warnings, `lines` each; the number of lines that they took."""
    reach = [", ".join(part) for part in (record.scope or ["nothing"], record.dtypes) if part]
    used = say(console, f"scope: {'; '.join(reach)}", lines=lines)
    for line in record.bound[:lines]:
        used += say(console, line, style="dim", indent=2, lines=lines)
    used += say(console, convention_line(record.convention), lines=lines)
    used += say(console, accuracy(record.grades), lines=lines)
    if record.assurance and record.verdict == "conformant":
        used += say(console, f"assurance: {record.assurance}", style="dim", lines=lines)
    for warning in record.warnings[:1]:
        more = f" (and {len(record.warnings) - 1} more)" if len(record.warnings) > 1 else ""
        used += say(console, f"warning: {one_line(warning, 120)}{more}", style="yellow", lines=lines)
    return used


def _failed_checks(record: Record) -> str:
    """The chapters in one line: how many checks of each fail, and in which all is well."""
    failing = [f"{one.name} {one.count('fail')} of {len(one.rows)}" for one in chapters(record) if one.count("fail")]
    well = [one.name for one in chapters(record) if one.state == "pass"]
    said = {"failed checks": ", ".join(failing), "all well": listed(well) if well else ""}
    return "; ".join(f"{heading}: {names}" for heading, names in said.items() if names)


def _reason(record: Record, console: Console, lines: int) -> int:
    """Why the verdict is what it is. Where nothing was asked it is all there is to say: whole, and code in it stays code."""
    if record.results:
        return say(console, record.reason, lines=lines)
    sentence, *code = clip(record.reason).rstrip().split("\n")
    used = say(console, sentence, lines=UNASKED_LINES)
    for line in code:
        console.print(Text(line), soft_wrap=True, highlight=False)
    return used + len(code)


def _table(record: Record, console: Console, *, room: int) -> None:
    """The chapters. Where there are more than `room`, the calmest of those in which all is well are named in one line instead."""
    shown = chapters(record)
    calm = sorted((chapter for chapter in shown if chapter.state == "pass"), key=lambda chapter: chapter.worst or 0.0)
    named = calm[: len(shown) - room + NAMED_LINES] if len(shown) > room else []
    rows = [chapter for chapter in shown if chapter not in named]
    if rows:
        console.print()
        console.print(_chapter_table(rows), highlight=False)
    if named:
        say(
            console,
            f"all well: {listed([chapter.name for chapter in shown if chapter in named])}",
            style="green",
            lines=NAMED_LINES,
        )


def _chapter_table(rows: Sequence[Chapter]) -> Table:
    columns = {name: state for name, state in COLUMNS.items() if name in ALWAYS or any(chapter.count(state) for chapter in rows)}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("chapter", no_wrap=True, overflow="ellipsis", max_width=17 if len(columns) > len(ALWAYS) else 26)
    for heading in [*columns, "error/bound", "cases"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for chapter in rows:
        counts = [str(chapter.count(state) or ".") for state in columns.values()]
        name = Text(one_line(chapter.name), style=STATE_COLOURS[chapter.state])
        table.add_row(name, *counts, number(chapter.worst), f"{chapter.cases:,}")
    return table


def _explain(finding: Finding, console: Console) -> None:
    row, example = finding.row, finding.row.counterexample
    known = " (known deviation)" if row.expected else ""
    console.print()
    title = f"{finding.number}. {row.status}{known}, {', '.join(finding.dtypes)}: {title_of(row)}"
    say(console, title, style="bold", lines=2)
    if row.status == "flaky":
        say(console, row.reason, style="red", lines=3, indent=3)
    elif differs := difference(example):
        say(console, differs, style="red", lines=2, indent=3)
    else:
        words = clean(example.message if example else row.reason).strip()
        for line in words.splitlines()[:3]:
            say(console, line, style="red", indent=3)
    if example:
        say(console, in_words(example), indent=3, lines=2)


def _named(heading: str, named: Sequence[Finding]) -> str:
    return f"{heading} {'; '.join(title_of(finding.row) for finding in named)}" if named else ""


def _wrote(files: Sequence[str]) -> str:
    """The pages by name, the scripts by number, the directory once where they share it."""
    if not files:
        return ""
    paths = [PurePath(name) for name in files]
    scripts = sum(path.name.startswith("repro_") for path in paths)
    together = len(paths) > 1 and len({path.parent for path in paths}) == 1
    pages = [path.name if together else str(path) for path in paths if not path.name.startswith("repro_")]
    counted = [f"{scripts} repro script{'s' if scripts > 1 else ''}"] if scripts else []
    return f"wrote {listed([*pages, *counted])}" + (f" in {paths[0].parent}" if together else "")


def _next(record: Record, told: Folded, files: Sequence[str]) -> str:
    """The most useful command now: the script of the failure that is shown first, the pages, or a deeper look."""
    target = shlex.quote(one_line(record.target))
    if not record.results:
        return "bnspec check --help"
    if record.verdict != "nonconformant":
        deeper = {"smoke": "standard", "standard": "deep"}.get(record.profile, "deep")
        return f"bnspec check {target} --profile {deeper}"
    worst = next((cause.smallest for cause in told.causes if cause.smallest), None) or findings(record)[0]
    if script := next((name for name in files if PurePath(name).name == worst.row.repro), None):
        return f"python {shlex.quote(script)}"
    if written := next((name for name in files if name.endswith(".json")), None):
        return f"bnspec report {shlex.quote(written)} --out DIR"
    return f"bnspec check {target} --report DIR   (pages, and a script for each failure)"

"""One screen: the verdict and its scope, what was asked, what failed and why, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnspec.reports.inert import clean, clip, one_line
from bnspec.reports.pages.summary import Chapter, Finding, chapters, findings
from bnspec.reports.pages.wording import apart, array_text, convention_line, distance, listed, number, place
from bnspec.reports.record import Counterexample, Record
from bnspec.reports.trace import BackwardStep, CopyStep, ForwardStep, LayerStep, LoadStep, SaveStep
from bnspec.reports.verdict import title_of

EXPLAINED = 3
"""Failures that are explained; the others are named."""

SCREEN = 24
"""Lines that a passing run may take."""

AROUND = 3
"""Lines of that screen that are always there: a blank one, the table's heading, the next command."""

NAMED_LINES = 2
"""Lines for the names of chapters that the table has no room for."""

FEW_NUMBERS = 12
"""Numbers of x and dy together up to which the shrunk case is printed."""

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
    used = _heading(record, console)
    found = findings(record)
    broken = [finding for finding in found if finding.row.level == "required"]
    advice = _named("recommended, not met:", [finding for finding in found if finding.row.level == "recommended"])
    wrote = _wrote(files)
    room = SCREEN - used - AROUND - sum(len(_wrapped(text, console, 2)) for text in (advice, wrote))
    _table(record, console, room=0 if broken else room)
    for finding in broken[:EXPLAINED]:
        _explain(finding, console)
    _say(console, _named(f"{len(broken) - EXPLAINED} more:", broken[EXPLAINED:]), style="yellow", lines=2)
    _say(console, advice, style="yellow", lines=2)
    _say(console, wrote, style="dim", lines=2)
    console.print(Text(f"next: {following or _next(record, files)}"), soft_wrap=True, highlight=False)


def _heading(record: Record, console: Console) -> int:
    """Verdict, target, scope, convention, diagnoses and warnings; the number of lines that they took."""
    headline = Text(record.verdict.upper(), style=COLOURS[record.verdict]) + Text(f"  {one_line(record.target)}", style="bold")
    console.print(headline, no_wrap=True, overflow="ellipsis", highlight=False)
    used = 1 + _reason(record, console)
    reach = [", ".join(part) for part in (record.scope or ["nothing"], record.dtypes) if part]
    used += _say(console, f"scope: {'; '.join(reach)}", lines=2)
    for line in record.bound[:2]:
        used += _say(console, line, style="dim", indent=2, lines=2)
    used += _say(console, convention_line(record.convention), lines=2)
    if record.assurance and record.verdict == "conformant":
        used += _say(console, f"assurance: {record.assurance}", style="dim", lines=2)
    for diagnosis in record.diagnoses[:2]:
        used += _say(console, (f"{diagnosis.bug}: " if diagnosis.bug else "") + diagnosis.text, style="bold", lines=3)
    for warning in record.warnings[:1]:
        more = f" (and {len(record.warnings) - 1} more)" if len(record.warnings) > 1 else ""
        used += _say(console, f"warning: {one_line(warning, 120)}{more}", style="yellow", lines=2)
    return used


def _reason(record: Record, console: Console) -> int:
    """Why the verdict is what it is. Where nothing was asked it is all there is to say: whole, and code in it stays code."""
    if record.results:
        return _say(console, record.reason, lines=2)
    sentence, *code = clip(record.reason).rstrip().split("\n")
    used = _say(console, sentence, lines=UNASKED_LINES)
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
        _say(
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
    _say(console, title, style="bold", lines=2)
    if row.status == "flaky":
        _say(console, row.reason, style="red", lines=3, indent=3)
    elif example is not None and example.got is not None and example.want is not None:
        got, want = apart(example.got, example.want)
        _say(console, f"{place(example)}: got {got}, wanted {want}{distance(example)}", style="red", lines=2, indent=3)
    else:
        words = clean(example.message if example else row.reason).strip()
        for line in words.splitlines()[:3]:
            _say(console, line, style="red", indent=3)
    if example:
        _say(console, _case(example), indent=3, lines=2)


def _case(example: Counterexample) -> str:
    """The shrunk case, where it is small enough to be read."""
    said, size, inference = [], 0, False
    for step in example.trace:
        match step:
            case ForwardStep():
                said.append(f"x = {array_text(step.x)} ({'training' if step.training else 'inference'})")
                size += len(step.x.data)
                inference = inference or not step.training
            case BackwardStep():
                said.append(f"dy = {array_text(step.dy)}")
                size += len(step.dy.data)
            case CopyStep():
                said.append(f"copied by {step.how}")
            case SaveStep():
                said.append("its state saved")
            case LoadStep():
                said.append("that state loaded")
    said += [_setup(step, inference) for step in example.trace if isinstance(step, LayerStep)][:1]
    return "; ".join(said) if 0 < size <= FEW_NUMBERS else ""


def _setup(step: LayerStep, inference: bool) -> str:
    """What the layer was given, as far as its answers depend on it."""
    given = {"gamma": step.gamma, "beta": step.beta}
    if inference:
        given |= {"running_mean": step.running_mean, "running_var": step.running_var}
    eps = [] if step.eps is None else [f"eps = {number(step.eps)}"]
    return "; ".join([*(f"{name} = {array_text(values)}" for name, values in given.items() if values), *eps])


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


def _next(record: Record, files: Sequence[str]) -> str:
    """The most useful command now: the script of the worst failure, the pages, or a deeper look."""
    target = shlex.quote(one_line(record.target))
    if not record.results:
        return "bnspec check --help"
    if record.verdict != "nonconformant":
        deeper = {"smoke": "standard", "standard": "deep"}.get(record.profile, "deep")
        return f"bnspec check {target} --profile {deeper}"
    worst = findings(record)[0]
    if script := next((name for name in files if PurePath(name).name == worst.row.repro), None):
        return f"python {shlex.quote(script)}"
    if written := next((name for name in files if name.endswith(".json")), None):
        return f"bnspec report {shlex.quote(written)} --out DIR"
    return f"bnspec check {target} --report DIR   (pages, and a script for each failure)"


def _say(console: Console, text: str, *, style: str = "", lines: int = 1, indent: int = 0) -> int:
    """Print text that came from anywhere in at most `lines` lines, an ellipsis where it goes on; how many lines it took."""
    wrapped = _wrapped(text, console, lines, indent)
    for line in wrapped:
        console.print(Text(" " * indent + line, style=style), no_wrap=True, overflow="crop", highlight=False)
    return len(wrapped)


def _wrapped(text: str, console: Console, lines: int, indent: int = 0) -> list[str]:
    if not text:
        return []
    wrapped = [line.plain.rstrip() for line in Text(one_line(text, 2000)).wrap(console, console.width - indent - 1)]
    return wrapped if len(wrapped) <= lines else [*wrapped[: lines - 1], f"{wrapped[lines - 1]}…"]

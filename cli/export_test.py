"""`bnspec export-test`: one failure of a record as a test for somebody's own suite."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from bnspec.cli.choice import Unchosen, asked_target, chosen_failure, chosen_record
from bnspec.cli.outputs import unusable
from bnspec.convention import BadConvention
from bnspec.plugs.link import BudgetSpent, Fault, open_link
from bnspec.plugs.program import command_of
from bnspec.reports import export_c, export_json, export_pytest
from bnspec.reports.checks import difference
from bnspec.reports.export import Exported, Unexpressible, exported, instead
from bnspec.reports.inert import clip, one_line
from bnspec.reports.record import write_atomically
from bnspec.reports.rerun import Answer, asking_link

USAGE = 2
"""Exit code for what could not be written."""

RUN = {
    "pytest": "; run it with: python -m pytest {file}",
    "c": "; what stands above its code says how to run it",
    "json": "; docs/runs.md says what is in it",
}
"""What to do with each form."""


def export(path: Path, failure: int, form: str, out: Path | None, *, target: str | None = None, record: str | None = None) -> int:
    """Write the failure in this form, to a file or to the screen; 2 and one sentence where that cannot be."""
    try:
        if out is not None and (trouble := f"--out names a file to write; {out} is a directory" if out.is_dir() else ""):
            raise Unchosen(trouble)
        chosen = chosen_record(path, record, target)
        case = exported(chosen, chosen_failure(chosen, failure))
        if not case.sure:
            _assert_fails(case, asked_target(chosen, target))
        text = _text(_bound(case, target) if form == "pytest" and target else case, form, out)
        if out is not None and (trouble := unusable("--out", out.parent)):
            raise Unchosen(trouble)
    except Fault as fault:
        return _refused(f"the target cannot be asked, which this takes: {fault.text}")
    except (Unchosen, Unexpressible, BadConvention, BudgetSpent) as error:
        return _refused(str(error))
    if out is None:
        print(text, end="")
    else:
        write_atomically(out, text.encode())
        print(f"wrote {out}{RUN[form].format(file=out)}")
    return 0


def _text(case: Exported, form: str, out: Path | None) -> str:
    if form == "json":
        return export_json.source(case)
    if form == "c":
        return export_c.source(case) if out is None else export_c.source(case, out.name)
    if not case.record.adapter.strip():
        how = "its target is a program" if command_of(case.record.target) else "the record does not hold how its target is called"
        raise Unexpressible(f"this failure is no test for pytest: {how}; take --format json or c, or say --target file.py:Name")
    return export_pytest.source(case, None if out is None else os.path.relpath(Path.cwd(), out.absolute().parent))


def _bound(case: Exported, target: str) -> Exported:
    """The case with the adapter that another target gets."""
    with open_link(target) as link:
        adapter = link.started.text("adapter")
    return replace(case, record=msgspec.structs.replace(case.record, target=target, adapter=adapter))


def _assert_fails(case: Exported, target: str) -> None:
    """Ask the target, in its own process; raises `Unexpressible` where it answers all of this rightly."""
    with open_link(target) as link:
        outcomes = list(asking_link(case.trace, link))
    for check in case.checks:
        outcome = outcomes[check.step]
        if not isinstance(outcome, Answer) or difference(check, outcome) is not None:
            return
    why = f"each answer of {one_line(target, 80)} in it is right by itself, and its law compares more than that"
    raise Unexpressible(f"this failure is no test: {why}; {instead(case.record, case.row)}")


def _refused(sentence: str) -> int:
    print(f"bnspec: {clip(sentence)}", file=sys.stderr)
    return USAGE

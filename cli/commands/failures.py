"""What is done with one failure of a record: replay, export-test."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bnspec.cli.commands.app import app


@app.command
def replay(
    record_file: Path,
    /,
    *,
    failure: Annotated[int | None, Parameter(name=("--failure", "-k"))] = None,
    worst: str | None = None,
    target: str | None = None,
    record: str | None = None,
    pdb: Annotated[bool, Parameter(negative=())] = False,
    convention: str | None = None,
) -> int:
    """Make the calls of one failure again, in this process, for a debugger; without --failure, list the failures by number.

    Exit code: 1 it still fails, 0 it no longer fails, 2 that cannot be told.

    Parameters
    ----------
    record_file
        A file that `bnspec check --json` wrote, or the report.json of a report.
    failure
        The number of the failure, as the terminal and the pages show it.
    worst
        Instead of a failure, the case of this property that came nearest to its bound in a deep run.
    target
        What to ask instead of the record's own target, where that has moved or is to be compared: file.py:Name.
    record
        Which record of the file, where it holds several: its number or its target.
    pdb
        Stop in your own code, at the call that gives the wrong answer.
    convention
        The declared convention, if the check had one: a TOML file or a name.
    """
    from bnspec.cli import replay as command

    again = shlex.join(["bnspec", *sys.argv[1:]])
    return command.replay(command.Wanted(record_file, failure, target, record, pdb, convention, again, worst))


@app.command(name="export-test")
def export_test(
    record_file: Path,
    /,
    *,
    failure: Annotated[int, Parameter(name=("--failure", "-k"))],
    format: Literal["pytest", "json", "c"] = "pytest",  # noqa: A002  (the option's name)
    out: Path | None = None,
    target: str | None = None,
    record: str | None = None,
) -> int:
    """Write one failure as a regression test that needs no bnspec: it fails on the code as it is, and passes once that is right.

    Exit code: 0 written, 2 this failure is no such test, or cannot be found.

    Parameters
    ----------
    record_file
        A file that `bnspec check --json` wrote, or the report.json of a report.
    failure
        The number of the failure, as the terminal and the pages show it; bnspec replay RECORD lists them.
    format
        pytest: a test of the Python code itself; c: a C99 file for code of your own; json: the case as data.
    out
        The file to write; otherwise it is printed.
    target
        What the test is to call instead of the record's own target, where that has moved: file.py:Name.
    record
        Which record of the file, where it holds several: its number or its target.
    """
    from bnspec.cli import export_test as command

    return command.export(record_file, failure, format, out, target=target, record=record)

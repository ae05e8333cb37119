"""What puts an implementation to the question: check, identify, protocol-test."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from bnspec.cli.commands.app import Dtype, Seconds, app
from bnspec.cli.told import NOTHING, Told

JOBS = 2
"""Processes that ask, unless --jobs says otherwise."""


@app.command
def check(
    targets: Annotated[Sequence[str], Parameter(negative=())] = (),
    /,
    *,
    told: Told = NOTHING,
    save_adapter: Path | None = None,
    profile: Literal["smoke", "standard", "deep"] = "standard",
    cases: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    seed: int = 0,
    dtype: Annotated[Sequence[Dtype], Parameter(negative=())] = ("float32", "float64"),
    only: Annotated[Sequence[str], Parameter(negative=())] = (),
    skip: Annotated[Sequence[str], Parameter(negative=())] = (),
    json: Path | None = None,
    report: Path | None = None,
    convention: str | None = None,
    timeout: Seconds = 10.0,
    max_seconds: Seconds | None = None,
    in_process: Annotated[bool, Parameter(negative=())] = False,
    jobs: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    dask: str | None = None,
    expect: Path | None = None,
    campaign: Annotated[bool, Parameter(negative=())] = False,
    diagnose: bool | None = None,
    resume: Path | None = None,
    database: str = "none",
) -> int:
    """Ask an implementation every property and say what came of it.

    Exit code: 0 conformant, 1 nonconformant, 2 inconclusive or could not run; of several targets 1 beats 2 beats 0.

    Parameters
    ----------
    targets
        What to ask: file.py:Name, package.module:Name, or the name of a framework; without any, what [tool.bnspec] in
        pyproject.toml names.
    save_adapter
        Write into this file how the target was called: an adapter, to be read, changed, and checked instead.
    profile
        How many cases a property gets: 16, 300 or 10,000; the deep one also goes through small scopes and seeks the worst case.
    cases
        Cases a property, instead of the profile's number.
    seed
        The same seed asks the same cases.
    dtype
        A dtype to ask in; give it again for more.
    only
        Ask only this property or chapter; give it again for more.
    skip
        Leave out this property or chapter; give it again for more.
    json
        Write the record to this file, whatever comes of the run.
    report
        Write report.json, report.md, report.html, junit.xml and a repro script a failure into this directory.
    convention
        The declared convention: a TOML file, or one of paper, torch, keras, onnx, tutorial. Otherwise it is measured.
    timeout
        Seconds that one call may take.
    max_seconds
        Seconds after which a run is cut; by default 180 in the smoke profile, 900 in the standard, none in the deep one.
    in_process
        Ask without a child process, for a debugger.
    jobs
        Processes that ask side by side; by default two.
    dask
        Have the workers of a Dask cluster ask, whose scheduler has this address: tcp://host:8786.
    expect
        Known deviations, TOML, or a framework's name: with them the exit code is 0 when they fail as they say and all else is
        conformant.
    campaign
        For measuring the suite: many cases, no shrinking, no explanations, stop at the second property that fails.
    diagnose
        Look for the cause of what fails, and name the mistake; left out in a campaign, unless it is asked for.
    resume
        Keep each finished row in this directory, and ask none that is there already: so an interrupted run goes on.
    database
        Keep failing cases in this directory, or on the Redis server redis://host:6379/0, and ask them first next time; none: the
        same seed always asks the same.
    """
    from bnspec.cli import check as command

    options = command.Options(
        profile=profile,
        cases=cases,
        seed=seed,
        dtypes=tuple(dtype),
        only=tuple(only),
        skip=tuple(skip),
        convention=convention,
        timeout=timeout,
        max_seconds=max_seconds,
        in_process=in_process,
        campaign=campaign,
        diagnose=not campaign if diagnose is None else diagnose,
        database=None if database == "none" else database,
    )
    again = shlex.join(["bnspec", *sys.argv[1:]])
    return command.check(
        targets,
        options,
        json=json,
        report=report,
        save_adapter=save_adapter,
        expect=expect,
        resume=resume,
        jobs=jobs or JOBS,
        dask=dask,
        again=again,
        told=told,
    )


@app.command
def identify(target: str, /, *, port_to: str | None = None, json: Path | None = None, timeout: Seconds = 10.0) -> int:
    """Measure the convention of an implementation and print it, with its evidence, as TOML that --convention reads.

    With --port-to: what to change when weights and hyper-parameters go from it to another, as formulas, and what has none.

    Parameters
    ----------
    target
        What to measure: file.py:Name or package.module:Name; with --port-to also what --port-to takes.
    port_to
        Another target, a TOML file, or a name: torch, keras, flax, onnx, paper and others (docs/porting.md lists them).
    json
        Write the convention and its evidence, or the steps of the port, to this file.
    timeout
        Seconds that one call may take.
    """
    from bnspec.cli import identify as command

    if port_to is not None:
        from bnspec.cli import porting

        return porting.show(target, port_to, json, timeout)
    return command.identify(target, json, timeout)


@app.command(name="protocol-test")
def protocol_test(program: str, /, *, timeout: Seconds = 10.0) -> int:
    """Check the messages of a program in any language: handshake, requests, refusals, sizes, the end. See docs/protocol.md.

    Exit code: 0 nothing is wrong, 1 something is, 2 there is no such program.

    Parameters
    ----------
    program
        The path of an executable file, and its arguments.
    timeout
        Seconds that one answer may take.
    """
    from bnspec.cli import protocol_test as command

    return command.run(program, timeout)

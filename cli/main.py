"""The commands. Bodies import what they need when they run, so that `bnspec --help` stays quick."""

from __future__ import annotations

import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from bnspec import __version__
from bnspec.cli.told import NOTHING, Told

USAGE = 2
"""Exit code for what could not be run: bad usage, an unknown target, an interruption."""

LONGEST_CALL = 86_400.0
"""Seconds, a day: what waits longer for one answer is no run any more, and timers end somewhere."""

Seconds = Annotated[float, Parameter(validator=Number(gt=0, lte=LONGEST_CALL))]

Dtype = Literal["float16", "bfloat16", "float32", "float64"]

Layout = Literal["contiguous", "strided", "reversed", "channels_last", "fortran"]

Operation = Literal["forward", "inference", "backward", "step"]

JOBS = 2
"""Processes that ask, unless --jobs says otherwise."""

app = App(
    name="bnspec",
    version=__version__,
    help="Put a Batch Normalization to the question: is it right, and if not, what is wrong with it?",
    help_on_error=False,
    result_action="return_value",
)


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
def frameworks() -> int:
    """List the frameworks that can be checked by name: which are here, how the others are installed, what is asked of each."""
    from bnspec.cli import frameworks as command

    return command.show()


@app.command
def properties(name: str | None = None, /) -> int:
    """List the laws, those of a chapter, or explain one.

    Parameters
    ----------
    name
        A property or a chapter.
    """
    from bnspec.cli import laws as command

    return command.show(name)


@app.command
def bugs(
    slug: str | None = None,
    /,
    *,
    write: Path | None = None,
    shape: Literal["class", "pair", "module"] | None = None,
    page: Path | None = None,
) -> int:
    """List the known bugs, or explain one: how one comes to write it, what it does, an example for paper, its own lines of code.

    Parameters
    ----------
    slug
        A bug, or one of its forms.
    write
        Write a BatchNorm that has the bug into this file, to be checked.
    shape
        What to write: a NumPy class, a pair of functions, or a torch.nn.Module.
    page
        Write the whole catalogue into this file, to be read: HTML where its name ends so, else Markdown.
    """
    from bnspec.cli import bugs as command

    if page is not None:
        return command.page(page)
    if write is None:
        return command.show(slug)
    if slug is None:
        print("bnspec: --write needs to be told which bug; bnspec bugs lists them", file=sys.stderr)
        return USAGE
    return command.write(slug, write, shape)


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


@app.command
def report(records: list[Path], /, *, out: Path = Path("reports/out")) -> int:
    """Join records into one page: index.html and index.md, with a report for each target beside them.

    Parameters
    ----------
    records
        Files that `bnspec check --json` wrote, or directories of them.
    out
        The directory to write into.
    """
    from bnspec.cli import report as command

    return command.report(records, out)


@app.command
def bench(
    targets: list[str],
    /,
    *,
    against: str | None = None,
    profile: Literal["quick", "standard"] = "quick",
    shape: Annotated[Sequence[str], Parameter(negative=())] = (),
    dtype: Annotated[Sequence[Dtype], Parameter(negative=())] = (),
    layout: Annotated[Sequence[Layout], Parameter(negative=())] = (),
    threads: Annotated[Sequence[int], Parameter(negative=(), validator=Number(gte=1))] = (),
    operation: Annotated[Sequence[Operation], Parameter(negative=())] = ("forward", "inference", "backward", "step"),
    json: Path | None = None,
    report: Path | None = None,
    timeout: Seconds = 120.0,
    seed: int = 0,
) -> int:
    """Time implementations, with their accuracy beside: each in a process of its own, by turns, against what memory allows.

    Exit code: 0 all were timed, 1 one was disqualified for a wrong answer, 2 one could not be opened, or nothing timed.

    Parameters
    ----------
    targets
        What to time: file.py:Name or package.module:Name; several are compared with the first.
    against
        The target that all others are compared with, instead of the first.
    profile
        quick: a small and a middle shape, a minute. standard: up to (64, 256, 56, 56), dtypes, layouts, threads, sizes.
    shape
        A shape of x to time instead, as 64x64x32x32 (N, C and the rest); give it again for more.
    dtype
        A dtype to time; give it again for more. Shapes, dtypes, layouts and threads that are named are all combined.
    layout
        How x lies in memory; give it again for more.
    threads
        How many threads a target may use; give it again for more.
    operation
        What to time: a training forward, an inference, a training backward, or a step of both; give it again for more.
    json
        Write the benchmark to this file, with all raw values.
    report
        Write bench.json, bench.md, bench.html and, with matplotlib, the plots into this directory.
    timeout
        Seconds that one answer of a target may take, with many calls in it.
    seed
        The same seed makes the same inputs.
    """
    from bnspec.cli import bench as command

    try:
        shapes = tuple(command.shape_named(words) for words in shape)
    except ValueError as trouble:
        print(f"bnspec: {trouble}", file=sys.stderr)
        return USAGE
    wanted = command.Wanted(profile, shapes, tuple(dtype), tuple(layout), tuple(threads), tuple(operation))
    return command.bench(targets, wanted, against=against, json=json, report=report, timeout=timeout, seed=seed)


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


vectors = App(name="vectors", help="The golden cases: list them, write them out for programs of any language, judge their answers.")
app.command(vectors)


@vectors.default
@vectors.command(name="list")
def vectors_list(name: str | None = None, /) -> int:
    """List the golden cases and their flags, or explain one.

    Parameters
    ----------
    name
        A case or a flag.
    """
    from bnspec.cli import vectors as command

    return command.show(name)


@vectors.command(name="export")
def vectors_export(
    directory: Path,
    /,
    *,
    only: Annotated[Sequence[str], Parameter(negative=())] = (),
    dtype: Annotated[Sequence[Dtype], Parameter(negative=())] = ("float32", "float64"),
) -> int:
    """Write the golden cases into a directory, for a program to read and to answer: see its README.md.

    Parameters
    ----------
    directory
        Where to write; it must be new or empty.
    only
        Write only the cases with this flag, or this case; give it again for more.
    dtype
        A dtype to write; give it again for more.
    """
    from bnspec.cli import vectors as command

    return command.export(directory, only, dtype)


@vectors.command(name="run")
def vectors_run(results: Path, /, *, json: Path | None = None, report: Path | None = None, convention: str | None = None) -> int:
    """Judge what a program has answered to the golden cases, in the directory that they were exported to.

    Exit code: 0 conformant, 1 nonconformant, 2 inconclusive or could not be read.

    Parameters
    ----------
    results
        The exported directory, with answers in the directory `answers` of each case.
    json
        Write the record to this file.
    report
        Write report.json, report.md, report.html and junit.xml into this directory.
    convention
        The convention of the running statistics, where the names of the answers do not say it: a TOML file, or one of paper,
        torch, keras, onnx, tutorial.
    """
    from bnspec.cli import vectors_run as command

    return command.run(results, json=json, report=report, convention=convention)


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


def import_nothing_from_here() -> None:
    """Take the current directory off the judge's import path, unless bnspec itself lives there: code under test can write to it.

    `python -m` puts it there, and often PYTHONPATH does. The children, whose code it may be, import from it all the same.
    """
    here = Path.cwd()
    if Path(__file__).resolve().parents[1] != here:
        sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]


def main() -> None:
    """The console script: exit codes as `check` says. Bad usage is one sentence and 2; so are our own failures: 1 is a verdict."""
    try:
        import_nothing_from_here()
        code = app(sys.argv[1:], exit_on_error=False, print_error=False)
    except CycloptsError as trouble:
        print(f"bnspec: {' '.join(str(trouble).split())}  (bnspec --help says what there is)", file=sys.stderr)
        code = USAGE
    except KeyboardInterrupt:
        code = USAGE
    except OSError as trouble:
        print(f"bnspec: {trouble}", file=sys.stderr)
        code = USAGE
    except Exception:
        traceback.print_exc()
        print("bnspec itself failed here, which is its bug and not yours", file=sys.stderr)
        code = USAGE
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()

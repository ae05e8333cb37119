"""`bnspec bench`: how fast each target is, and how accurate; both in one run, side by side."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from time import perf_counter

from bnspec import __version__
from bnspec.case import dtype_named
from bnspec.cli.bench_entrant import Entrant, opened
from bnspec.cli.bench_points import ROUNDS, SAMPLE, Wanted, needed, points, shape_named
from bnspec.cli.bench_rounds import Plan, Station, timed_at
from bnspec.cli.outputs import Outputs
from bnspec.cli.runner import environment
from bnspec.cli.screen import Screen
from bnspec.convention import BadConvention
from bnspec.plugs.faults import Fault
from bnspec.plugs.memory import available
from bnspec.reports import bench_directory
from bnspec.reports.bench import Bench, Point, Timing, save
from bnspec.reports.pages import bench as pages

__all__ = ["Wanted", "bench", "shape_named"]

COULD_NOT = 2
"""The exit code where a target could not be opened, or nothing could be timed."""


def bench(
    targets: Sequence[str],
    wanted: Wanted,
    *,
    against: str | None,
    json: Path | None,
    report: Path | None,
    timeout: float,
    seed: int,
) -> int:
    """Time every target, show and write what came of it. Exit code: 0 all timed, 1 one was disqualified, 2 one could not be."""
    trouble = Outputs(len(targets), json, report).trouble()
    if trouble:
        print(f"bnspec: {trouble}", file=sys.stderr)
        return COULD_NOT
    started, screen = perf_counter(), Screen()
    entering, plan = list(dict.fromkeys([*([against] if against else []), *targets])), _plan(wanted, seed)
    chosen = points(wanted)
    with ExitStack() as stack:
        entrants, refused = _opened(stack, entering, chosen, timeout, seed, screen)
        timings, interrupted = _collected(_timings(entrants, chosen, plan, screen) if entrants else [])
    found = Bench(
        suite=__version__,
        targets=[entrant.target for entrant in entrants],
        against=entrants[0].target if entrants else "",
        profile=wanted.profile,
        seed=seed,
        rounds=plan.rounds,
        seconds=perf_counter() - started,
        environment=environment(),
        machine=machine(),
        accuracies=[accuracy for entrant in entrants for accuracy in entrant.accuracies],
        timings=timings,
        refused=refused,
    )
    pages.show(found, screen, _written(found, json, report))
    if interrupted:
        print("bnspec: interrupted; what had been timed by then is shown and written", file=sys.stderr)
        return COULD_NOT
    return _exit_code(found)


def _collected(timings: Iterable[Timing]) -> tuple[list[Timing], bool]:
    """All of them, or those that came before Ctrl-C; and whether it came."""
    found = list[Timing]()
    try:
        for timing in timings:
            found.append(timing)
    except KeyboardInterrupt:
        return found, True
    return found, False


def _plan(wanted: Wanted, seed: int) -> Plan:
    return Plan(ROUNDS[wanted.profile], SAMPLE[wanted.profile], seed)


def _exit_code(found: Bench) -> int:
    statuses = {one.status for one in found.timings}
    if "disqualified" in statuses:
        return 1
    return COULD_NOT if found.refused or "timed" not in statuses else 0


def _opened(
    stack: ExitStack, targets: Sequence[str], chosen: Sequence[Point], timeout: float, seed: int, screen: Screen
) -> tuple[list[Entrant], dict[str, str]]:
    """Those that can be timed, and why the others cannot."""
    entrants, refused = list[Entrant](), dict[str, str]()
    dtypes = list(dict.fromkeys(point.dtype for point in chosen))
    for target in targets:
        try:
            with _said(screen, f"looking at {target}"):
                entrants.append(stack.enter_context(opened(target, dtypes, timeout, seed)))
        except Fault as fault:
            refused[target] = fault.text
        except BadConvention as trouble:
            refused[target] = str(trouble)
    return entrants, refused


def _timings(entrants: Sequence[Entrant], chosen: Sequence[Point], plan: Plan, screen: Screen) -> Iterator[Timing]:
    """All points, one after the other, with processes of their own for each number of threads."""
    for threads in dict.fromkeys(point.threads for point in chosen):
        stations, scales = ([Station(one, threads, memory) for one in entrants] for memory in (False, True))
        again = Station(entrants[0], threads)
        try:
            for point in (point for point in chosen if point.threads == threads):
                if why := _impossible(point, 2 * len(entrants) + 1):
                    yield from (Timing(target=one.target, point=point, status="skipped", reason=why) for one in entrants)
                    continue
                with _said(screen, f"timing {point}"):
                    found = timed_at(point, stations, again, scales, plan)
                yield from found
        finally:
            for station in (*stations, again, *scales):
                station.close()


def _impossible(point: Point, processes: int) -> str:
    """Why a point cannot be timed on this machine; "" where it can."""
    try:
        dtype_named(point.dtype)
    except TypeError as missing:
        return str(missing)
    cpus, free = cpus_here(), available()
    if point.threads > cpus:
        return f"{point.threads} threads need as many processors; there are {cpus}"
    if free is not None and (bytes_needed := needed(point, processes)) > free:
        return f"it may take {bytes_needed / 2**30:.1f} GiB of memory; {free / 2**30:.1f} are free"
    return ""


def _written(found: Bench, json: Path | None, report: Path | None) -> list[str]:
    files = [] if report is None else bench_directory.write(found, report)
    if json is not None:
        save(found, json)
        files.append(json)
    return [str(path) for path in files]


def _said(screen: Screen, words: str) -> AbstractContextManager[object]:
    return screen.status(words) if screen.is_terminal else nullcontext()


def cpus_here() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, str]:
    """What times depend on beside versions: the processor, how many there are, and what else the machine does."""
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        named = None
    found = {"processor": named[1].strip() if named else platform.processor() or platform.machine(), "processors": str(cpus_here())}
    if hasattr(os, "getloadavg"):
        found["load at the end"] = f"{os.getloadavg()[0]:.2f}"
    return found

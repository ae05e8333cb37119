"""The ways of asking: in this process, by processes of this machine, by the workers of a Dask cluster. All make the same record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bnspec.cli.boards import Board
from bnspec.cli.crews import Asking, Crew
from bnspec.cli.jobs import Alone, Pool
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, Outcome, run
from bnspec.properties.blocks import BLOCK


class NoCluster(Exception):
    """There is no cluster to ask; the message is one sentence."""


FEW = 100
"""Up to so many cases a property a dtype is asked as one unit."""

Ask = Callable[[int, Progress], Outcome]
"""Asks the target of this number."""

Kept = Callable[[str], Options]
"""The options for a target, with the file that keeps its rows."""


@contextmanager
def asking(
    targets: Sequence[str], options: Options, kept: Kept, *, jobs: int = 1, dask: str | None = None, apart: bool = False
) -> Iterator[Ask]:
    """What asks these targets, in their order. Raises `NoCluster`.

    apart   never in this process, also where one process is enough
    """
    if dask is None and _is_one_unit(options, jobs) and not (apart and not options.in_process):
        yield lambda at, progress: run(targets[at], kept(targets[at]), progress)
        return
    crew = _crew(targets, options, jobs, dask)
    try:
        openings = 1 if dask is not None else _processes(options, jobs)
        yield Asking(crew, [lambda target=target: Board(target, kept(target), openings) for target in targets]).outcome  # type: ignore[misc]
    finally:
        crew.close()


def run_side_by_side(target: str, options: Options, progress: Progress, jobs: int, *, apart: bool = False) -> Outcome:
    """`run`, by up to so many processes; with one, or few questions, in this process, unless it must be `apart`."""
    with asking([target], options, lambda target: options, jobs=jobs, apart=apart) as ask:
        return ask(0, progress)


def _crew(targets: Sequence[str], options: Options, jobs: int, dask: str | None) -> Crew:
    if options.in_process:
        return Alone()
    if dask is None:
        return Pool(jobs)
    from bnspec.cli.cluster import Cluster

    return Cluster(dask, targets, options.convention)


def _is_one_unit(options: Options, jobs: int) -> bool:
    """Whether nothing is gained, and no record changed, by asking everything at once in this process."""
    if options.campaign:
        return options.in_process or jobs == 1 or len(options.dtypes) == 1
    if options.deep or options.examples > BLOCK:
        return False
    return options.in_process or _processes(options, jobs) == 1


def _processes(options: Options, jobs: int) -> int:
    """How many processes have something to do."""
    return min(jobs, len(options.dtypes)) if options.campaign or options.examples <= FEW else jobs

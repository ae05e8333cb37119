"""How the work scales: units that are timed, Dask workers against jobs, and the model against a real scheduler with sleeping units.

    python benchmarks/scale.py units    [TARGET] [--cases N]             how long units last, and what a case costs
    python benchmarks/scale.py compare  [TARGET] [--cases N] [--rounds]  one Dask worker, two, and --jobs 2, by turns
    python benchmarks/scale.py simulate [--workers 64 512] [--unit S]    sleeping units through a real Dask scheduler
    python benchmarks/scale.py plan     [--cases 1e7] [--workers 64]     what the model says

`compare` wants a quiet machine of two cores; its ratios are of one round, its figures medians over rounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from scale_model import Costs, most_workers, plan, seconds

from bnspec.cli.boards import Board
from bnspec.cli.cluster import Cluster
from bnspec.cli.crews import Asking, Crew
from bnspec.cli.jobs import Pool
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, environment
from bnspec.cli.screen import Screen
from bnspec.cli.units import Done, Known, Message, Task, Unit
from bnspec.reports.record import as_json

TARGET = "bnspec.reference.textbook:BatchNormWithBackward"

CHAPTERS = ("forward", "affine", "gradients")
"""What is asked: ordinary laws, short and long ones."""


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[str]:
    """The address of a real scheduler with so many worker processes, over TCP."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "scheduler.json")
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
        processes = [_dask(place, *words)]
        while not (file.is_file() and '"address"' in file.read_text(encoding="utf-8")):
            time.sleep(0.1)
        address = file.read_text(encoding="utf-8").partition('"address": "')[2].partition('"')[0]
        processes += [_dask(place, "worker", address, "--nthreads", str(threads), "--no-nanny") for _ in range(workers)]
        try:
            yield address
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _dask(place: str, *words: str) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dask", *words, "--no-dashboard"], cwd=place, **quiet)  # type: ignore[call-overload, no-any-return]


class Timed:
    """A crew with a watch: how long each unit took, from being sent to its end; so with one task a process only."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._began: dict[int, float] = {}
        self.seconds: list[float] = []
        self.room, self.interrupt, self.close = crew.room, crew.interrupt, crew.close

    def send(self, task: Task) -> None:
        """Give it a task."""
        self._began[id(task)] = perf_counter()
        self._crew.send(task)

    def heard(self, seconds: float) -> Iterator[tuple[Task, Message | str]]:
        """What has been told."""
        for task, message in self._crew.heard(seconds):
            if isinstance(task, Unit) and isinstance(message, Done):
                self.seconds.append(perf_counter() - self._began[id(task)])
            yield task, message


def asked(crew: Crew, target: str, options: Options) -> tuple[float, int]:
    """(seconds, cases) of asking a target."""
    started = perf_counter()
    with Progress(Screen(), target) as progress:
        record = Asking(crew, [lambda: Board(target, options)]).outcome(0, progress).record
    return perf_counter() - started, sum(row.examples for row in record.results)


def units(target: str, cases: int) -> None:
    """Print how long units last."""
    crew = Timed(Pool(1))
    wall, count = asked(crew, target, Options(profile="deep", cases=cases, only=CHAPTERS))
    crew.close()
    low, *_, high = quantiles(crew.seconds, n=20, method="inclusive")
    middle = median(crew.seconds)
    print(f"{len(crew.seconds)} units: median {middle:.1f} s, 5 to 95 %: {low:.1f} to {high:.1f} s")
    print(f"{count} cases, {sum(crew.seconds) / count * 1e3:.2f} ms each; beside units: {wall - sum(crew.seconds):.1f} s")


def compare(target: str, cases: int, rounds: int) -> None:
    """Print the ratios of one Dask worker, two, and two jobs, asked by turns on clusters that stay up."""
    options = Options(profile="deep", cases=cases, only=CHAPTERS)
    gains, prices = [], []
    with cluster(1) as one, cluster(2) as two:
        for number in range(rounds + 1):
            times = []
            for crew in (lambda: Cluster(one, [target]), lambda: Cluster(two, [target]), lambda: Pool(2)):
                hands: Crew = crew()  # type: ignore[no-untyped-call]
                times.append(asked(hands, target, options)[0])
                hands.close()
            note = "" if number else " (warming up)"
            print(f"one Dask worker {times[0]:.1f} s, two {times[1]:.1f} s, --jobs 2 {times[2]:.1f} s{note}")
            gains += [times[0] / times[1]] if number else []
            prices += [times[1] / times[2]] if number else []
    print(f"two Dask workers against one: {median(gains):.2f} times as fast")
    print(f"two Dask workers against --jobs 2: {median(prices):.2f} times as long")


def simulate(workers: list[int], unit: float, processes: int) -> None:
    """Print what the model says and what a real scheduler with sleeping units does, by number of workers."""
    for count in workers:
        with cluster(processes, count // processes) as address:
            crew = Cluster(address, [], ask=asleep)
            _until_there(crew, count)
            cost = _drained(crew, 4 * count, 0.0) / (4 * count)
            number = 6 * count
            took = _drained(crew, number, unit)
            crew.close()
        costs = Costs(serial=0.0, warm=0.0, unit=unit, beside=0.0, scheduler=cost)
        said = seconds(number, count, costs) - unit  # all sleeping units are as long: there is no tail
        print(f"{count} workers, {number} units of {unit:g} s: {took:.1f} s, the model says {said:.1f} s ({took / said:.2f} of it)")
        print(f"   a unit costs scheduler and judge {cost * 1e3:.1f} ms; busy {number * unit / count / took:.0%} of the time")


def asleep(task: bytes, home: bytes) -> list[bytes]:
    """A unit of a simulation: so many seconds of sleep, and its end."""
    time.sleep(float(task.partition(b"asleep ")[2].partition(b'"')[0]))
    return [as_json(Done())]


def _drained(crew: Cluster, number: int, unit: float) -> float:
    """Seconds until so many sleeping units are done."""
    task = Unit("", Options(), f"asleep {unit}", (), 0, 1, environment())
    started, sent, done = perf_counter(), 0, 0
    while done < number:
        while sent < number and crew.room() > 0:
            crew.send(task)
            sent += 1
        done += sum(not isinstance(message, Known) for _, message in crew.heard(1.0))
    return perf_counter() - started


def _until_there(crew: Cluster, threads: int) -> None:
    while sum(crew.threads()) < threads:
        time.sleep(0.2)


def main() -> None:
    """One of the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("figure", choices=("units", "compare", "simulate", "plan"))
    parser.add_argument("target", nargs="?", default=TARGET)
    parser.add_argument("--cases", type=float)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--unit", type=float, default=4.0)
    parser.add_argument("--processes", type=int, default=4, help="processes that the simulated workers are threads of")
    said = parser.parse_args()
    match said.figure:
        case "units":
            units(said.target, int(said.cases or 2000))
        case "compare":
            compare(said.target, int(said.cases or 2000), said.rounds)
        case "simulate":
            simulate(said.workers, said.unit, said.processes)
        case "plan":
            for workers in said.workers:
                number, took = plan(said.cases or 1e7, SECONDS_A_CASE, workers, Costs())
                print(f"{said.cases or 1e7:.0e} cases on {workers} workers: {number} units, {took / 60:.0f} minutes")
            print(f"beyond {most_workers(Costs())} workers the scheduler is what takes the time")


SECONDS_A_CASE = 2.5e-3
"""What a case takes on one core, all laws together: docs/scale.md."""


if __name__ == "__main__":
    main()

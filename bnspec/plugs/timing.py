"""What a benchmark runs beside an implementation, in a process of its own: calls are timed here, with no protocol between them.

    python -P -m bnspec.plugs.timing JOB        with the two ends of the channel in BNSPEC_IN and BNSPEC_OUT

Messages are those of `bnspec.protocol`, a request at a time: `prepare` makes a layer and its inputs, `sample` times some calls,
`peak` measures the memory of one, `answer` is a fresh layer's first answer. `bnspec.plugs.timed` is the judge's side.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, TypedDict

import numpy as np

from bnspec.answers import BadAnswer, array_of, gradients_of, statistics_of
from bnspec.blame import told
from bnspec.case import Array
from bnspec.implementation import Implementation, NotOffered, Setup
from bnspec.plugs.adapter import TargetError, compile_adapter
from bnspec.plugs.load import load
from bnspec.plugs.memory import extra_bytes
from bnspec.plugs.traffic import Copying
from bnspec.plugs.workload import TRAFFIC, Workload, some_channels
from bnspec.protocol import Message, encode, receive
from bnspec.requests import setup_of, whole, word
from bnspec.servant import make_layer, undisturbed

COPIES = 3
"""Copies that a sample times for its limit, between the calls; the quickest counts."""


class Job(TypedDict):
    """What to time: a target, by the text of its adapter where that is known, with so many threads, from `directory`."""

    target: str
    adapter: str
    threads: int
    path: list[str]
    directory: str


@dataclass
class Bench:
    """One operation on one workload: the layer, and what is copied for its limit."""

    operation: str
    workload: Workload
    setup: Setup
    layer: Any
    copying: Copying

    def call(self, number: int) -> tuple[int, dict[str, Array]]:
        """Nanoseconds of one call with inputs of its own, and what it returned, which is there in memory when the clock stops."""
        x, dy = self.workload.x(number), self.workload.dy(number) if self.operation in ("backward", "step") else None
        if self.operation == "backward":
            self.layer.forward(x, training=True)
        started = perf_counter_ns()
        returned = self.run(x, dy)
        return perf_counter_ns() - started, returned

    def run(self, x: Array, dy: Array | None) -> dict[str, Array]:
        """The operation itself; of backward the forward has been."""
        found: dict[str, Array] = {}
        if self.operation != "backward":
            y = self.layer.forward(x, training=self.operation != "inference")
            found["y"] = array_of(y, "forward returned", f"an array shaped {x.shape}")
        if dy is not None:
            found |= gradients_of(self.layer.backward(dy), x.shape, self.setup.channels)
        return found


class Timer:
    """Answers requests about one implementation."""

    def __init__(self, implementation: Implementation, threads: int) -> None:
        self._implementation = implementation
        self._threads = threads
        self._bench: Bench | None = None
        self._operations: Mapping[str, Callable[[Message], Message]] = {
            "prepare": self._prepare,
            "sample": self._sample,
            "peak": self._peak,
            "answer": self._answer,
        }

    def answer(self, request: Message) -> Message:
        """The reply to a request."""
        try:
            with undisturbed():
                return self._operations[request.op](request)
        except (NotOffered, NotImplementedError) as error:
            return Message.refusal("unsupported", str(error) or "this is not offered")
        except BadAnswer as error:
            return Message.refusal("error", str(error))
        except BaseException as error:
            return Message.refusal("error", told(error))

    @property
    def bench(self) -> Bench:
        """What was prepared."""
        assert self._bench is not None
        return self._bench

    def _prepare(self, request: Message) -> Message:
        self._bench = None  # its memory first
        setup, operation = setup_of(request), word(request, "operation")
        workload = Workload(
            tuple(map(int, word(request, "shape").split(","))),
            setup.dtype,
            setup.channel_axis,
            word(request, "layout"),
            float(word(request, "mean")),
            float(word(request, "std")),
            whole(request, "seed"),
        )
        layer, copying = make_layer(self._implementation, setup), Copying(workload.nbytes * TRAFFIC[operation], self._threads)
        self._bench = Bench(operation, workload, setup, layer, copying)
        return Message.reply()

    def _sample(self, request: Message) -> Message:
        """Times `calls` calls from number `first` on, and the copies between; what call `keep` returned, in some channels."""
        first, calls, keep = (whole(request, name) for name in ("first", "calls", "keep"))
        times, copies, kept = list[int](), list[int](), dict[str, Array]()
        gc.collect()
        gc.disable()
        try:
            for number in range(first, first + calls):
                took, returned = self.bench.call(number)
                times.append(took)
                if number == keep:
                    kept = self._shown(returned, request)
                del returned
                if len(copies) < COPIES:
                    copies.append(self.bench.copying.nanoseconds())
        finally:
            gc.enable()
        while len(copies) < COPIES:
            copies.append(self.bench.copying.nanoseconds())
        return Message.reply(times=np.array(times), copies=np.array(copies), **kept)

    def _answer(self, request: Message) -> Message:
        """A fresh layer's answer to call number `first`: the operation's, and the running statistics where there are some."""
        bench, number = self.bench, whole(request, "first")
        layer, bench.layer = bench.layer, make_layer(self._implementation, bench.setup)
        try:
            _, returned = bench.call(number)
            running = getattr(bench.layer, "running", None)
            if callable(running) and bench.operation == "forward":
                returned |= statistics_of(running(), bench.setup.channels)
            shown = self._shown(returned, request)
        finally:
            bench.layer = layer
        return Message.reply(**shown)

    def _peak(self, request: Message) -> Message:
        """Bytes that a call takes beside its inputs, at their highest; left out where the system does not tell."""
        bench, number = self.bench, whole(request, "first")
        bench.call(number)
        x, dy = bench.workload.x(number), bench.workload.dy(number)
        if bench.operation == "backward":
            bench.layer.forward(x, training=True)
        return Message.reply(peak=extra_bytes(lambda: bench.run(x, dy if bench.operation in ("backward", "step") else None)))

    def _shown(self, returned: dict[str, Array], request: Message) -> dict[str, Array]:
        """What was returned, in the channels that are asked for; raises `BadAnswer` for another shape than that of x."""
        channels, axis = request.arrays["channels"], self.bench.setup.channel_axis
        shown = {}
        for name, values in returned.items():
            if name in ("y", "dx"):
                if values.shape != self.bench.workload.shape:
                    raise BadAnswer(f"{name} has shape {values.shape}; {self.bench.workload.shape} was expected")
                shown[name] = some_channels(values, channels, axis)
            else:
                shown[name] = values[channels]
        return shown


def limit_threads(threads: int) -> None:
    """Hold what computes with threads of its own to so many, where it can be told after it was loaded."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return
    threadpool_limits(threads)


def opened(job: Job) -> Implementation:
    """The implementation, called in the way that it was checked in."""
    return compile_adapter(job["adapter"]) if job["adapter"] else load(job["target"])


def live(job: Job, requests: int, replies: int) -> None:
    """Answer on the two descriptors until the judge hangs up, or there is nothing to time."""
    with open(requests, "rb") as incoming, open(replies, "wb") as outgoing:
        timer, reply = _started(job)
        while True:
            outgoing.write(encode(reply))
            outgoing.flush()
            if timer is None:
                return
            try:
                reply = timer.answer(receive(incoming))
            except EOFError:
                return


def _started(job: Job) -> tuple[Timer | None, Message]:
    """What answers, and the answer to being started; None where the target cannot be opened."""
    try:
        timer = Timer(opened(job), job["threads"])
        limit_threads(job["threads"])
    except TargetError as error:
        return None, Message.refusal("error", str(error))
    except BaseException as error:
        return None, Message.refusal("error", told(error))
    return timer, Message.reply()


def main() -> None:
    """Become the process of a job."""
    job: Job = json.loads(sys.argv[1])
    sys.path[:], sys.argv = job["path"], ["bnspec", job["target"]]
    os.chdir(job["directory"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-job["threads"] :])
    live(job, int(os.environ.pop("BNSPEC_IN")), int(os.environ.pop("BNSPEC_OUT")))


if __name__ == "__main__":
    main()

"""The judged end of the protocol: it owns an Implementation and its layers, and answers requests about them.

It runs in the child process and, for debuggers, in the judge's own. Whatever the implementation does short of ending the
process, the answer is a message.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnspec.answers import BadAnswer, array_of, gradients_of, statistics_of
from bnspec.blame import told
from bnspec.case import Array
from bnspec.convention import BadConvention, Convention
from bnspec.copying import method_of, refusing, way_of
from bnspec.implementation import Implementation, NotOffered, Setup
from bnspec.layouts import present
from bnspec.protocol import VERSION, BadMessage, Message, room, text_array
from bnspec.requests import Refusal, array, setup_of, word
from bnspec.watching import Watch

FRAMEWORKS = ("numpy", "torch", "jax", "tensorflow", "keras", "mlx", "onnxruntime")
"""What `loaded=` tells of: the judge may preload some of them for the next child."""

OPTIONAL = {"backward": ("backward",), "running": ("running",), "copy": ("copied",), "save": ("save", "load")}
"""Operations that not every layer offers, and the methods by which those do that do."""


@dataclass
class Station:
    """A layer at work: the implementation's own object, the setup it was made from, and what it is watched for."""

    layer: Any
    setup: Setup
    watch: Watch = field(default_factory=Watch)
    shape: tuple[int, ...] = ()


class Servant:
    """Answers requests about the Implementation that `loader` returns.

    sentences    exceptions of the loader whose own text is all there is to say: a target that cannot be found
    let_through  exceptions that are not the implementation's: in the judge's own process Ctrl-C must end the judge
    """

    def __init__(
        self,
        loader: Callable[[], Implementation],
        *,
        sentences: tuple[type[BaseException], ...] = (),
        let_through: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._loader = loader
        self._sentences: tuple[type[BaseException], ...] = (*sentences, Refusal, BadAnswer, BadConvention, BadMessage)
        self._let_through = let_through
        self._implementation: Implementation | None = None
        self._stations: dict[str, Station] = {}
        self._states: dict[str, Any] = {}
        self._operations = {
            "start": self._start,
            "layer": self._layer,
            "forward": self._forward,
            "backward": self._backward,
            "running": self._running,
            "copy": self._copy,
            "save": self._save,
            "load": self._load,
            "stop": self._stop,
        }

    def answer(self, request: Message) -> Message:
        """The reply to a request, without an id. Raises nothing but what it was told to let through."""
        try:
            with undisturbed():
                return self._operation(request.op)(request)
        except self._let_through:
            raise
        except (NotOffered, NotImplementedError) as error:
            return Message.refusal("unsupported", str(error) or "this is not offered")
        except self._sentences as error:
            return Message.refusal("error", str(error))
        except BaseException as error:  # SystemExit too: what ends their program is a verdict on it, not the end of ours
            return Message.refusal("error", told(error))

    def _operation(self, op: str) -> Callable[[Message], Message]:
        if op not in self._operations:
            raise NotOffered(f"the operation {op!r} is not known here; the operations are {', '.join(self._operations)}")
        return self._operations[op]

    def _start(self, request: Message) -> Message:
        if (asked := word(request, "protocol")) != str(VERSION):
            raise Refusal(f"this end speaks protocol {VERSION}; protocol {asked} was asked for")
        self._stations.clear()
        self._states.clear()
        self._implementation = implementation = self._loader()
        convention = declared_convention(implementation)
        return Message.reply(
            protocol=VERSION,
            **capabilities(implementation, convention),
            scalars="f4" if getattr(implementation, "scalars", None) == "float32" else None,
            **limits(implementation),
            loaded=",".join(name for name in FRAMEWORKS if name in sys.modules),
            name=text_array(str(getattr(implementation, "name", type(implementation).__name__))),
            convention=_optional_text(convention),
            adapter=_optional_text(getattr(implementation, "adapter_source", None)),
            bound=_optional_text(getattr(implementation, "bound", None)),
        )

    def _layer(self, request: Message) -> Message:
        if self._implementation is None:
            raise Refusal("there is no implementation yet; the first request is start")
        number, setup = word(request, "layer"), setup_of(request)
        self._stations.pop(number, None)
        self._stations[number] = station = Station(make_layer(self._implementation, setup), setup)
        for name in ("gamma", "beta", "running_mean", "running_var"):
            station.watch.give(name, getattr(setup, name))
        return Message.reply(noticed=station.watch.notice({}))

    def _forward(self, request: Message) -> Message:
        station = self._station(request)
        training = word(request, "training") == "1"
        x = present(array(request, "x"), word(request, "layout"), station.setup.channel_axis)
        station.shape = x.shape
        station.watch.give("x", x)
        returned = station.layer.forward(x, training=training)
        return _reply(request, station, {"y": array_of(returned, "forward returned", f"an array shaped {x.shape}")})

    def _backward(self, request: Message) -> Message:
        station = self._station(request)
        method = method_of(station.layer, "backward")
        dy = present(array(request, "dy"), request.words.get("layout", "contiguous"), station.setup.channel_axis)
        station.watch.give("dy", dy)
        return _reply(request, station, gradients_of(method(dy), station.shape, station.setup.channels))

    def _running(self, request: Message) -> Message:
        station = self._station(request)
        return _reply(request, station, statistics_of(method_of(station.layer, "running")(), station.setup.channels))

    def _copy(self, request: Message) -> Message:
        station, to, how = self._station(request), word(request, "to"), word(request, "how")
        self._stations.pop(to, None)
        method, way = method_of(station.layer, "copied"), way_of(how)
        with refusing(f"a copy by {how}", self._let_through):
            layer = asked(method(way), "copied")
        self._stations[to] = Station(layer, station.setup, shape=station.shape)
        return _reply(request, station, {})

    def _save(self, request: Message) -> Message:
        station, state = self._station(request), word(request, "state")
        self._states.pop(state, None)
        method = method_of(station.layer, "save")
        with refusing("saving", self._let_through):
            self._states[state] = method()
        return _reply(request, station, {})

    def _load(self, request: Message) -> Message:
        station, state = self._station(request), word(request, "state")
        if state not in self._states:
            raise Refusal(f"there is no state {state}; a request save with state={state} must have made it")
        method = method_of(station.layer, "load")
        with refusing("loading", self._let_through):
            method(self._states[state])
        return _reply(request, station, {})

    def _stop(self, _: Message) -> Message:
        self._stations.clear()
        self._states.clear()
        return Message.reply()

    def _station(self, request: Message) -> Station:
        number = word(request, "layer")
        if number not in self._stations:
            raise Refusal(f"there is no layer {number}; a request layer={number} must have made it")
        return self._stations[number]


@contextmanager
def undisturbed() -> Iterator[None]:
    """NumPy's own error state, and no warnings: a warning is neither a failure nor anybody's business here."""
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        warnings.simplefilter("ignore")
        yield


def make_layer(implementation: Implementation, setup: Setup) -> Any:
    """A fresh layer of the implementation; raises `Refusal` for an object that cannot be asked forward."""
    return asked(implementation.layer(setup), "layer")


def asked(layer: Any, method: str) -> Any:
    """A layer as `method` returned it; raises `Refusal` for an object that cannot be asked forward."""
    if not callable(getattr(layer, "forward", None)):
        raise Refusal(f"{method} returned an object of type {type(layer).__name__}; one with a method forward was expected")
    return layer


def declared_convention(implementation: Implementation) -> str | None:
    """What the implementation says of its convention, as TOML: only the keys that it names, since the rest is measured."""
    declared: Mapping[str, Any] | Convention | None = getattr(implementation, "convention", None)
    if declared is None:
        return None
    if isinstance(declared, Convention):
        return declared.to_toml()
    lines = Convention.from_mapping(declared).to_toml().splitlines()
    return "".join(f"{line}\n" for line in lines if line.split(" = ")[0] in declared)


def capabilities(implementation: Implementation, convention: str | None) -> dict[str, Any]:
    """Which of `OPTIONAL` layers offer, seen on a throw-away layer; where none can be made, backward and running are supposed."""
    try:
        layer = make_layer(implementation, trial_setup(Convention.from_toml(convention or "")))
    except (NotOffered, NotImplementedError):
        return {"backward": True, "running": True}
    except Exception as error:
        return {"backward": True, "running": True, "trouble": text_array(told(error))}
    return {op: all(callable(getattr(layer, name, None)) for name in methods) for op, methods in OPTIONAL.items()}


def limits(implementation: Implementation) -> dict[str, Any]:
    """What it says of the x that it takes: its only shape, and how many samples are normalized at a time in training."""
    shape, ghost = getattr(implementation, "fixed_shape", ()), getattr(implementation, "ghost", 0)
    return {**({"shape": "x".join(map(str, shape))} if shape else {}), **({"ghost": ghost} if ghost else {})}


def trial_setup(convention: Convention) -> Setup:
    """The smallest ordinary setup: three channels, everything given, of rank 2 where that is offered."""
    rank = 2 if 2 in convention.ranks else convention.ranks[0]
    zeros, ones = np.zeros(3, np.float32), np.ones(3, np.float32)
    return Setup(ones, zeros, zeros.copy(), ones.copy(), 1e-5, 0.1, "float32", convention.channel_axis, rank, 3)


def _reply(request: Message, station: Station, returned: dict[str, Array]) -> Message:
    """The reply with what a layer returned; raises `BadAnswer`, before anything is copied, where the judge would not read it."""
    limit = room(sum(given.nbytes for given in request.arrays.values()))
    if (total := sum(answer.nbytes for answer in returned.values())) > limit:
        shapes = ", ".join(f"{name} shaped {answer.shape}" for name, answer in returned.items())
        raise BadAnswer(f"{request.op} returned {total} bytes ({shapes}); at most {limit} are read as its answer")
    return Message.reply(noticed=station.watch.notice(returned), **returned)


def _optional_text(text: str | None) -> Array | None:
    return None if text is None else text_array(text)

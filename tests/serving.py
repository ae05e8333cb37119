"""What the tests of the judged end share: an implementation of given methods, and requests to ask it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from bnspec.protocol import Message
from bnspec.servant import Servant

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def raise_(error: BaseException) -> Any:
    raise error


def seeing(seen: list[Any], function: Callable[[Any], Any]) -> Callable[..., Any]:
    """The function, which also writes down what it was called with."""

    def called(argument: Any, **_: object) -> Any:
        seen.append(argument)
        return function(argument)

    return called


def implementation(**parts: Any) -> SimpleNamespace:
    """An implementation with one layer, made of the given methods."""
    layer = SimpleNamespace(**{"forward": lambda x, *, training: x + 1, **parts})
    return SimpleNamespace(layer=lambda setup: layer)


def layer_request(**fields: Any) -> Message:
    return Message.request("layer", **{"layer": 1, "dtype": "f4", "axis": 1, "rank": 2, "channels": 3, **fields})


def forward_request(x: np.ndarray = X, **fields: Any) -> Message:
    return Message.request("forward", **{"layer": 1, "training": True, "layout": "contiguous", "x": x, **fields})


def started(what: Any) -> Servant:
    servant = Servant(lambda: what)
    assert servant.answer(Message.request("start", protocol=1)).ok
    return servant


def forward(returned: Callable[..., Any], x: np.ndarray = X, **fields: Any) -> Message:
    """The reply to one forward of a layer whose forward is `returned`."""
    servant = started(implementation(forward=returned))
    assert servant.answer(layer_request(rank=x.ndim)).ok
    return servant.answer(forward_request(x, **fields))


def refusal(reply: Message) -> tuple[str, str]:
    assert not reply.ok
    return reply.words["kind"], reply.text("text")

"""What a caller would notice of a layer is told: changed arguments, changed results, shared memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from serving import X, forward, forward_request, layer_request, started

from bnspec.protocol import Message


class Meddler:
    """A layer that does to its arguments and results what the test says."""

    def __init__(self, setup: Any) -> None:
        self.setup = setup
        self.deed: Callable[[Meddler], object] = lambda layer: None
        self.x, self.dy, self.y, self.dx = X, X, X, X
        self.mean = np.zeros(3)

    def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
        self.x = x
        kept, self.y = self.y, x + 1
        self.before = kept
        self.deed(self)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.dy, self.dx = dy, dy * 2
        self.deed(self)
        return self.dx

    def running(self) -> tuple[np.ndarray, np.ndarray]:
        return self.mean, np.ones(3)


def overwrite(array: np.ndarray) -> None:
    array[...] = 77


def meddled(deed: Callable[[Meddler], object]) -> list[tuple[str, ...]]:
    """What is noticed in a second round of forward, running, backward, when the deed is done in its forward and backward."""
    made: list[Meddler] = []

    def make(setup: Any) -> Meddler:
        made.append(Meddler(setup))
        return made[-1]

    servant = started(SimpleNamespace(layer=make))
    parameters = {name: np.ones(3, np.float32) for name in ("gamma", "beta", "running_mean", "running_var")}
    round_ = [forward_request(), Message.request("running", layer=1), Message.request("backward", layer=1, dy=X)]
    assert [servant.answer(request).noticed for request in (layer_request(**parameters), *round_)] == [()] * 4
    made[-1].deed = deed
    return [servant.answer(request).noticed for request in round_]


@pytest.mark.parametrize(
    ("deed", "noticed"),
    [
        (lambda layer: None, [(), (), ()]),
        (lambda layer: overwrite(layer.x), [("x-changed",), (), ()]),
        (lambda layer: overwrite(layer.dy), [("dy-changed",), (), ("dy-changed",)]),
        (lambda layer: overwrite(layer.setup.gamma), [("gamma-changed",), (), ()]),
        (lambda layer: overwrite(layer.setup.running_var), [("running_var-changed",), (), ()]),
        (lambda layer: overwrite(layer.before), [("y-changed-later",), (), ()]),
        (lambda layer: overwrite(layer.mean), [("mean-changed-later",), (), ()]),
        (lambda layer: setattr(layer, "y", layer.x), [("y-shares-x",), (), ()]),
        (lambda layer: setattr(layer, "dx", layer.dy[::-1]), [(), (), ("dx-shares-dy",)]),
        (lambda layer: setattr(layer, "y", layer.setup.beta), [("y-shares-beta",), (), ()]),
    ],
)
def test_what_a_caller_would_notice_is_reported_once(deed: Callable[[Meddler], object], noticed: list[tuple[str, ...]]) -> None:
    assert meddled(deed) == noticed


def test_nan_equals_itself_for_the_watch() -> None:
    nan = np.full((4, 3), np.nan, np.float32)
    assert forward(lambda x, *, training: x + 1, nan).noticed == ()

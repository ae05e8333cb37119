"""What is checked of a program's operations: each is to be answered as docs/protocol.md says, whatever the numbers are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.plugs.dialogue import Dialogue, NotOffered, Wrong, array, same
from bnspec.protocol import Message, dtype_of

X = (np.arange(12) % 5).reshape(4, 3).astype("<f4")
"""What most checks send: four samples of three channels."""

SIZES = {2: (4, 3), 3: (4, 3, 5), 4: (2, 3, 5, 4), 5: (2, 3, 4, 2, 5)}
"""x by its rank; no other axis is as long as that of the channels."""

Check = Callable[[Dialogue], None]


def layer(told: Dialogue, number: int = 1, *, dtype: str = "f4", rank: int = 2, **fields: Any) -> Message:
    """The reply to a request for a layer of three channels."""
    return told.done("layer", **{"layer": number, **setup(dtype, rank), **fields})


def setup(dtype: str = "f4", rank: int = 2) -> dict[str, Any]:
    """The fields of a request for a layer of three channels."""
    kept = dtype_of("f8" if dtype == "f8" else "f4")
    parts = {"gamma": [1, 2, 3], "beta": [0, 10, 20], "running_mean": [0, 0, 0], "running_var": [1, 1, 1]}
    numbers = {"dtype": dtype, "axis": 1, "rank": rank, "channels": 3, "eps": 1e-5, "momentum": 0.25}
    return {**numbers, **{name: np.array(values, kept) for name, values in parts.items()}}


def forward(told: Dialogue, x: Array = X, number: int = 1, *, training: int = 1, layout: str = "contiguous") -> Array:
    """y, as large as x."""
    reply = told.done("forward", layer=number, training=training, layout=layout, x=x)
    return array(reply, "forward", "y", x.shape)


def answers_forward(told: Dialogue) -> None:
    """forward answers y in both modes, in x's dtype, and nothing more"""
    told.started()
    layer(told)
    for training in (1, 0):
        reply = told.done("forward", layer=1, training=training, layout="contiguous", x=X)
        array(reply, "forward", "y", X.shape, "f4")
        told.silent("forward")


def reads_arrays_in_order(told: Dialogue) -> None:
    """bytes are little-endian, the last axis fastest, arrays in the order of the line"""
    told.started()
    layer(told)
    y, wanted = forward(told, training=0), X * np.array([1, 2, 3], "f4") + np.array([0, 10, 20], "f4")
    if not np.allclose(y, wanted, rtol=1e-2, atol=1e-2):
        at = tuple(int(place) for place in np.argwhere(~np.isclose(y, wanted, rtol=1e-2, atol=1e-2))[0])
        raise Wrong(
            f"y{list(at)} of an inference is {y[at]:g}, and about {wanted[at]:g} was to be expected: look in which order bytes, "
            f"axes and arrays are read"
        )


def fills_in_what_is_absent(told: Dialogue) -> None:
    """eps, momentum and parameters may be absent"""
    told.started()
    bare = {name: value for name, value in setup().items() if name in ("dtype", "axis", "rank", "channels")}
    told.done("layer", layer=1, **bare)
    forward(told)


def answers_running(told: Dialogue) -> None:
    """running answers mean and var, one value a channel"""
    if told.started().words.get("running") != "1":
        raise NotOffered("start says running=0")
    layer(told)
    forward(told)
    reply = told.done("running", layer=1)
    for name in ("mean", "var"):
        array(reply, "running", name, (3,))
    told.silent("running")


def answers_backward(told: Dialogue) -> None:
    """backward answers dx, and dgamma and dbeta where there are any"""
    if told.started().words.get("backward") != "1":
        raise NotOffered("start says backward=0")
    layer(told)
    forward(told)
    reply = told.done("backward", layer=1, dy=X[::-1])
    array(reply, "backward", "dx", X.shape, "f4")
    for name in reply.arrays.keys() & {"dgamma", "dbeta"}:
        array(reply, "backward", name, (3,))
    told.silent("backward")


def keeps_layers_apart(told: Dialogue) -> None:
    """layers have their own numbers, a new one replaces the old one, and others stay"""
    told.started()
    layer(told)
    layer(told, 2, beta=np.array([100, 100, 100], "f4"))
    first = forward(told, training=0)
    if np.array_equal(first, forward(told, number=2, training=0)):
        raise Wrong("two layers of different beta answer the same: the number in layer= is not heeded")
    layer(told, 2)
    same(forward(told, number=2, training=0), first, "a layer that was replaced by one like the first still answers otherwise")


def refuses_unknown_layers(told: Dialogue) -> None:
    """a request about a layer that there is not is an error"""
    told.started()
    layer(told)
    told.refused("error", "a layer that nobody has made", "forward", layer=99, training=1, layout="contiguous", x=X)
    told.refused("error", "a layer that nobody has made", "running", layer=99)
    forward(told)


def copies_and_saves_as_it_says(told: Dialogue) -> None:
    """copy, save and load are done or unsupported, as start says"""
    said = told.started().words
    layer(told)
    asked: Mapping[str, Mapping[str, Any]] = {
        "copy": {"layer": 1, "to": 2, "how": "deepcopy"},
        "save": {"layer": 1, "state": 7},
        "load": {"layer": 1, "state": 7},
    }
    for op, fields in asked.items():
        reply = told.ask(op, **fields)
        if reply.ok and said.get("save" if op == "load" else op) == "0":
            raise Wrong(f"start says {'save' if op == 'load' else op}=0, and {op} is answered ok=1")
        if not reply.ok and reply.words["kind"] != "unsupported":
            raise Wrong(f"{op} is to be done or answered kind=unsupported; it is answered kind={reply.words['kind']}")
    forward(told)


def in_dtype(dtype: str) -> Check:
    """Whether a dtype is answered in the same, or a float one where it is of whole numbers, or refused."""

    def check(told: Dialogue) -> None:
        told.started()
        reply = told.ask("layer", layer=1, **setup(dtype))
        if reply.ok:
            reply = told.ask("forward", layer=1, training=1, layout="contiguous", x=X.astype(dtype_of(dtype)))
        if not reply.ok:
            layer(told)
            forward(told)
            raise NotOffered(reply.text("text"))
        y = array(reply, "forward", "y", X.shape, None if dtype[0] in "iu" else dtype)
        if y.dtype.kind in "iu":
            raise Wrong(f"y of whole numbers is to be in a float dtype; it is {y.dtype.name}")

    check.__doc__ = f"x in {dtype}"
    return check


def in_rank(rank: int) -> Check:
    """Whether a rank is answered, or refused."""

    def check(told: Dialogue) -> None:
        told.started()
        layer(told, rank=rank)
        forward(told, np.resize(X, SIZES[rank]))

    check.__doc__ = f"x of {rank} axes"
    return check


def in_layout(layout: str) -> Check:
    """Whether a layout is answered with the same numbers, or refused."""

    def check(told: Dialogue) -> None:
        told.started()
        layer(told)
        plain = forward(told, training=0)
        other = forward(told, training=0, layout=layout)
        if not np.allclose(plain, other, rtol=1e-2, atol=1e-2):
            raise Wrong(f"with layout={layout} y is other numbers; the values of the message are those of x in each layout")

    check.__doc__ = f"layout={layout}"
    return check

"""What is checked of a program's messages, whatever its BatchNorm computes: each of docs/protocol.md's rules by itself."""

from __future__ import annotations

import time

import numpy as np

from bnspec.case import LAYOUTS
from bnspec.plugs.dialogue import Dialogue, Wrong, array, same
from bnspec.plugs.protocol_operations import (
    Check,
    X,
    answers_backward,
    answers_forward,
    answers_running,
    copies_and_saves_as_it_says,
    fills_in_what_is_absent,
    forward,
    in_dtype,
    in_layout,
    in_rank,
    keeps_layers_apart,
    layer,
    reads_arrays_in_order,
    refuses_unknown_layers,
    setup,
)
from bnspec.protocol import VERSION, Message

BIG = 100_000
"""Samples of a message that no pipe holds."""


def starts(told: Dialogue) -> None:
    """start says which version is spoken and what is offered"""
    reply = told.started()
    for name in ("backward", "running"):
        if reply.words.get(name) not in ("0", "1"):
            raise Wrong(f"the reply to start must have {name}=0 or {name}=1")
    if reply.words.get("protocol") != str(VERSION):
        raise Wrong(f"the reply to start must have protocol={VERSION}")
    told.silent("start")


def refuses_other_versions(told: Dialogue) -> None:
    """a version that is not spoken is an error"""
    told.refused("error", "another version of the protocol", "start", protocol=99)


def refuses_unknown_operations(told: Dialogue) -> None:
    """an operation that is not known is unsupported"""
    told.started()
    told.refused("unsupported", "an operation that is not known", "levitate", layer=1, height=2, x=X)
    layer(told)


def skips_what_it_does_not_know(told: Dialogue) -> None:
    """unknown words and arrays are skipped, and the order of words means nothing"""
    told.started()
    layer(told)
    plain = forward(told, training=0)
    extra = {
        "colour": "blue",
        "noise": np.arange(5, dtype=np.uint8),
        "more": np.zeros((2, 0), "<f8"),
        "bits": np.arange(3, dtype="<i4"),
    }
    fields = {**setup(), **extra}
    layer(told, 2, **dict(reversed(fields.items())))
    same(
        forward(told, number=2, training=0),
        plain,
        "a request with words and arrays that nobody knows, in another order, is read otherwise",
    )


def reads_numbers(told: Dialogue) -> None:
    """numbers are decimals in any form"""
    told.started()
    for number, eps in ((1, "1e-05"), (2, "0.00001"), (3, "1.0E-5")):
        layer(told, number, eps=eps)
    first, *others = (forward(told, number=number) for number in (1, 2, 3))
    for other in others:
        same(first, other, "eps=1e-05, eps=0.00001 and eps=1.0E-5 are one number, and y is not the same")
    layer(told, 4, momentum="inf", eps="1")


def takes_no_values(told: Dialogue) -> None:
    """an array without a value is answered, and what follows it is read right"""
    told.started()
    layer(told)
    reply = told.ask("forward", layer=1, training=1, layout="contiguous", x=X[:0])
    if reply.ok:
        array(reply, "forward", "y", (0, 3), "f4")
    layer(told)
    forward(told)


def takes_many_values(told: Dialogue) -> None:
    """a request larger than a pipe is read to its end before it is answered"""
    told.started()
    layer(told)
    forward(told, np.resize(X, (BIG, 3)))


def takes_pieces(told: Dialogue) -> None:
    """a request may come in pieces, slowly"""
    told.started()
    layer(told)
    data = told.written(Message.request("forward", layer=1, training=1, layout="contiguous", x=X))
    for start in range(0, len(data), 17):
        told.send(data[start : start + 17], "forward")
        time.sleep(0.005)
    array(told.reply("forward"), "forward", "y", X.shape)


def takes_several_at_once(told: Dialogue) -> None:
    """requests that are sent ahead are answered in their order"""
    told.started()
    layer(told)
    requests = [Message.request("forward", layer=1, training=0, layout="contiguous", x=X[:size]) for size in (1, 2, 3, 4)]
    data = [told.written(request) for request in requests]
    told.send(b"".join(data), "forward")
    for number, size in zip(range(told.asked - 3, told.asked + 1), (1, 2, 3, 4), strict=True):
        array(told.reply("forward", number), "forward", "y", (size, 3))


def stops(told: Dialogue) -> None:
    """stop is answered ok=1, and the program then exits"""
    told.started()
    told.done("stop")
    ending = told.end()
    if ending.lingered:
        raise Wrong("after stop the program goes on, where it is to exit")


def ends_with_its_channel(told: Dialogue) -> None:
    """the program exits when its channel ends"""
    told.started()
    if told.end().lingered:
        raise Wrong("the channel has ended and the program goes on, where it is to exit")


def ends_within_a_message(told: Dialogue) -> None:
    """the program exits when its channel ends within a message"""
    told.started()
    told.send(told.written(Message.request("forward", layer=1, training=1, layout="contiguous", x=X))[:-7], "forward")
    if told.end().lingered:
        raise Wrong("the channel has ended within an array and the program goes on, where it is to exit")


CHECKS: tuple[Check, ...] = (
    starts,
    refuses_other_versions,
    refuses_unknown_operations,
    answers_forward,
    reads_arrays_in_order,
    skips_what_it_does_not_know,
    reads_numbers,
    fills_in_what_is_absent,
    answers_running,
    answers_backward,
    keeps_layers_apart,
    refuses_unknown_layers,
    copies_and_saves_as_it_says,
    takes_no_values,
    takes_many_values,
    takes_pieces,
    takes_several_at_once,
    *map(in_dtype, ("f8", "f2", "bf2", "i4", "i8", "u1")),
    *map(in_rank, (3, 4, 5)),
    *map(in_layout, LAYOUTS[1:]),
    stops,
    ends_with_its_channel,
    ends_within_a_message,
)
"""All of them, in the order in which they are made."""

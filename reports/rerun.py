"""A counterexample's trace asked again, of anything that makes layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bnspec.case import Array
from bnspec.implementation import Layer, Setup
from bnspec.plugs.faults import Fault, refusal_in
from bnspec.plugs.link import Link
from bnspec.plugs.subject import CODES
from bnspec.protocol import VERSION, Message
from bnspec.reports.trace import BackwardStep, CopyStep, ForwardStep, LayerStep, LoadStep, RunningStep, SaveStep, Step, Values
from bnspec.servant import Servant

RENAMED = {"mean": "running_mean", "var": "running_var"}
"""What a reply calls otherwise than a record does."""

SETUP = ("gamma", "beta", "running_mean", "running_var", "eps", "momentum")
"""What a fresh layer may be given, and may be left to choose."""


class Answer(dict[str, Array]):
    """What one step returned, by name: y; dx, dgamma, dbeta; running_mean, running_var; nothing for the other steps.

    noticed   what has happened meanwhile to arrays that the layer was given or had returned: "x-changed", "y-shares-x"
    """

    def __init__(self, results: Mapping[str, Array], noticed: Sequence[str] = ()) -> None:
        super().__init__(results)
        self.noticed = tuple(noticed)


class Maker:
    """Anything that makes layers, as an implementation."""

    name = "rerun"

    def __init__(self, make: Callable[[Setup], Layer]) -> None:
        self.convention: Mapping[str, Any] = {}
        self.layer = make


def rerun(
    trace: Sequence[Step], make: Callable[[Setup], Layer], *, let_through: tuple[type[BaseException], ...] = ()
) -> list[Mapping[str, Array] | Exception]:
    """For every step its results, an `Answer`, or the `Fault` that it ended in, of status "error" or "unsupported".

    It all happens in this process, through the judged end of the protocol, so that answers come as a check sees them. Steps
    behind one that failed are asked all the same, as laws about errors do; those on a layer that could not be made fail as well.

    let_through   exceptions that are nobody's answer and end all this, such as a debugger's
    """
    return list(asking(trace, make, let_through=let_through))


def asking(
    trace: Sequence[Step], make: Callable[[Setup], Layer], *, let_through: tuple[type[BaseException], ...] = ()
) -> Iterator[Mapping[str, Array] | Exception]:
    """The same one by one: a step is asked when its answer is wanted."""
    servant = Servant(lambda: Maker(make), let_through=let_through)
    servant.answer(Message.request("start", protocol=VERSION))
    for request in requests(trace):
        yield answer_of(request, servant.answer(request))


def asking_link(trace: Sequence[Step], link: Link) -> Iterator[Mapping[str, Array] | Exception]:
    """The same of what a link leads to. Raises `BudgetSpent` behind what ended it too often."""
    for request in requests(trace):
        try:
            yield answer_of(request, link.ask([request])[0])
        except Fault as fault:
            yield fault


def answer_of(request: Message, reply: Message) -> Answer | Exception:
    """What a reply to one of `requests` says."""
    if fault := refusal_in([reply], [request.op]):
        return fault
    return Answer({RENAMED.get(name, name): values for name, values in reply.arrays.items()}, reply.noticed)


def requests(trace: Sequence[Step]) -> list[Message]:
    """The steps as the requests they were, for anything that speaks the protocol: one each."""
    return [_request(step) for step in trace]


def _request(step: Step) -> Message:
    match step:
        case LayerStep():
            given = {name: _plain(getattr(step, name)) for name in SETUP}
            shape = {"axis": step.channel_axis, "rank": step.rank, "channels": step.channels}
            return Message.request("layer", layer=step.layer, dtype=CODES.get(step.dtype, step.dtype), **shape, **given)
        case ForwardStep():
            training = int(step.training)
            return Message.request("forward", layer=step.layer, training=training, layout=step.layout, x=_plain(step.x))
        case BackwardStep():
            return Message.request("backward", layer=step.layer, layout=step.layout, dy=_plain(step.dy))
        case RunningStep():
            return Message.request("running", layer=step.layer)
        case CopyStep():
            return Message.request("copy", layer=step.layer, to=step.to, how=step.how)
        case SaveStep():
            return Message.request("save", layer=step.layer, state=step.state)
        case LoadStep():
            return Message.request("load", layer=step.layer, state=step.state)


def _plain(value: Values | float | None) -> Array | float | None:
    """A field of a step as it travels."""
    return value.numpy() if isinstance(value, Values) else value

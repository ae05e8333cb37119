"""The panel: scripts that tell the known bugs from correct code and from each other, as far as that can be done from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from bnspec.case import HALF_DTYPES, Array, Case
from bnspec.convention import Convention
from bnspec.implementation import Setup
from bnspec.plugs.subject import Subject, setup_request
from bnspec.protocol import Message
from bnspec.reference.bugs.catalogue import ALL
from bnspec.reference.bugs.questions import Question
from bnspec.reports.diagnosis.scripts import Script

IMAGES = (3, 2, 3, 5)
"""N, C, H, W, so unlike that no axis is taken for another."""

ROUNDS = (("train", "backward", "train", "backward"), ("train", "infer", "train", "infer"), ("infer", "train", "backward"))
"""Calls of which the later ones show what the earlier ones left."""

TRAIN = (("train",),)

OTHERS = (("other",), ("train", "other", "infer"))
"""Calls on one layer, and on another that was made alike."""

AGAIN = (("train", "backward", "backward"), ("infer", "backward", "backward"))
"""Two backwards of one forward."""

OWN = (
    Question("an ordinary batch"),
    Question("gamma 1, beta 0 and running statistics 0 and 1", plain=True),
    Question("two values a channel", shape=(2, 3)),
    Question("three values a channel", shape=(3, 2)),
    Question("four values a channel", shape=(4, 3)),
    Question("nine values a channel", shape=(9, 4)),
    Question("33 values a channel", shape=(33, 2)),
    Question("one channel", shape=(6, 1)),
    Question("images", shape=IMAGES),
    Question("images of one position", shape=(4, 3, 1, 1)),
    Question("one image", shape=(1, 3, 2, 3)),
    Question("sequences", shape=(4, 2, 5)),
    Question("volumes", shape=(2, 3, 2, 1, 3)),
    Question("images with as many columns as channels", shape=(4, 3, 2, 3)),
    Question("eps = 2", eps=2.0, std=0.5, mean=0.25),
    Question("eps = 0.1", eps=0.1, std=0.25, var=0.25),
    Question("eps = 1e-3 and a variance near it", eps=1e-3, std=0.03, mean=0.05, var=2e-3),
    Question("eps = 1e-5", eps=1e-5),
    Question("eps = 1e-5 and a variance near it", eps=1e-5, std=4e-3, mean=0.01, var=3e-5),
    Question("a deviation of 30", std=30.0, mean=10.0),
    Question("a mean of 100 deviations", mean=100.0, std=1.0),
    Question("a mean of 3000 deviations", shape=(24, 6), mean=3e3, std=1.0),
    Question("a mean of 1e8 deviations, in float64", shape=(24, 6), mean=1e8, std=1.0),
    Question("a batch weight of 0.9", batch_weight=0.9),
    Question("a batch weight of 0.1", batch_weight=0.125, sessions=(("train", "train", "train"),)),
    Question("images that lie channels last in memory", shape=(3, 2, 3, 4), turned=True),
    Question("a fresh layer", fresh=True),
    Question("two rounds on one layer", sessions=ROUNDS),
    Question("two rounds on one layer, with images", shape=IMAGES, sessions=ROUNDS),
    Question("33 channels", shape=(3, 33)),
    Question("70 channels", shape=(4, 70)),
    Question("two layers made alike", shape=(4, 2), sessions=OTHERS),
    Question("two backwards of one forward", shape=(4, 2), sessions=AGAIN),
    Question("eps = 1e-10 and a variance near it", shape=(6, 2), eps=1e-10, std=2e-5, mean=1e-5, var=3e-10),
    Question("a variance of 1e-5 and eps = 1e-9", shape=(6, 2), eps=1e-9, std=3e-3, mean=1e-3, var=1e-5),
    Question("one constant channel", shape=(6, 3), constant=True, sessions=(("train", "backward"),), edge=True),
    Question("one constant channel, without beta", shape=(4, 2), constant=True, plain=True, sessions=TRAIN, edge=True),
    Question("one value a channel", shape=(1, 2), sessions=(("train", "infer"),), edge=True),
    Question("an image of one position", shape=(1, 3, 1, 1), sessions=TRAIN, edge=True),
    Question("no samples", shape=(0, 2), sessions=(("train", "infer"),), edge=True),
    Question("no images", shape=(0, 3, 2, 4), sessions=(("train", "infer"),), edge=True),
    Question("a NaN", shape=(4, 2), nan=True, sessions=TRAIN, edge=True),
    Question("a gamma of 0", shape=(4, 2), silent=True, edge=True),
    Question("values far out", shape=(40, 2), mean=0.0, eps=0.0, var=0.01, edge=True),
)
"""What is asked beside the cheapest question of each known bug."""


@dataclass(frozen=True)
class Terms:
    """What an implementation can be asked: dtypes, ranks, and the parts of a setup that it lets itself be given."""

    convention: Convention
    dtype: str
    dtypes: Sequence[str]
    fixed: Mapping[str, float] = field(default_factory=dict)
    scope: Sequence[str] = ("train", "infer", "running", "grad_train", "grad_infer")

    @classmethod
    def of(cls, subject: Subject, dtypes: Sequence[str]) -> Terms:
        """The terms of a subject; the first of the dtypes is that of most scripts."""
        return cls(subject.convention, dtypes[0], dtypes, dict(subject.fixed), subject.scope)


def panel(terms: Terms) -> list[Script]:
    """The scripts for these terms, the most telling first."""
    questions = (*OWN, *(bug.exposes for bug in ALL))
    return [script for question in _distinct(questions) for script in scripts(question, terms)]


def _distinct(questions: Iterable[Question]) -> Iterator[Question]:
    """Each question once, whatever its words."""
    seen = set[str]()
    for question in questions:
        if (bare := repr(replace(question, words="", tolerance=0.0))) not in seen:
            seen.add(bare)
            yield question


def scripts(question: Question, terms: Terms) -> Iterator[Script]:
    """A script for each session of a question, in the dtype that most are asked in unless the question needs its own."""
    dtype = terms.dtype if question.dtype == "float64" else question.dtype
    if dtype not in terms.dtypes or (dtype in HALF_DTYPES and question.dtype not in HALF_DTYPES and _too_fine(question)):
        return
    asked = replace(question, dtype=dtype)
    for session in question.sessions:
        if requests := _requests(asked, session, terms):
            yield Script(question.words, tuple(requests), edge=question.edge)


def _too_fine(question: Question) -> bool:
    """Whether half types have no numbers for what it asks."""
    return question.eps < 1e-3 or question.std < 0.1 or abs(question.mean) > 30 * question.std


def _requests(question: Question, session: Sequence[str], terms: Terms) -> list[Message]:
    """The requests of a session, up to the first call that is not offered."""
    first = placed(question.case(0, terms.convention), terms)
    setup = Setup.of(first)
    setup = replace(setup, running_mean=None, running_var=None) if question.fresh else setup
    requests, layout = [setup_request(setup, 1)], "fortran" if question.turned else "contiguous"
    running = [Message.request("running", layer=1)] if "running" in terms.scope else []
    mode = ""
    for number, call in enumerate(session):
        case = placed(question.case(number, terms.convention), terms)
        mode = {"train": "train", "infer": "infer", "other": "train"}.get(call, mode)
        if (f"grad_{mode}" if call == "backward" else mode) not in terms.scope:
            break
        if call == "backward":
            requests += [Message.request("backward", layer=1, layout=layout, dy=case.upstream), *running]
        elif call == "other":
            requests += [setup_request(setup, 2), _forward(2, "train", case, layout), *running]
        else:
            requests += [_forward(1, call, case, layout), *running]
    return requests if len(requests) > 1 else []


def _forward(layer: int, mode: str, case: Case, layout: str) -> Message:
    return Message.request("forward", layer=layer, training=mode == "train", layout=layout, x=case.x)


def placed(case: Case, terms: Terms) -> Case:
    """The case with its channels where the convention has them, in a rank that is offered, with what cannot be given as it is."""
    shape = fitted(case.x.shape, terms.convention.ranks)
    axis = terms.convention.channel_axis
    x, dy = (_moved(values.reshape(shape), axis) for values in (case.x, case.upstream))
    given: dict[str, Any] = {name: np.full_like(getattr(case, name), value) for name, value in terms.fixed.items() if name in STATE}
    numbers: dict[str, Any] = {name: value for name, value in terms.fixed.items() if name not in STATE}
    return replace(case, x=x, dy=dy, channel_axis=axis, **given, **numbers)


STATE = ("gamma", "beta", "running_mean", "running_var")
"""The parts of a setup that have a value a channel."""


def _moved(values: Array, axis: int) -> Array:
    return values if axis == 1 else np.ascontiguousarray(np.moveaxis(values, 1, axis))


def fitted(shape: tuple[int, ...], ranks: Sequence[int]) -> tuple[int, ...]:
    """(N, C, *S) in a rank that is offered: padded with positions of length 1, or with the positions folded together."""
    if len(shape) in ranks:
        return shape
    n, c, *positions = shape
    if larger := [rank for rank in ranks if rank > len(shape)]:
        return (*shape, *[1] * (min(larger) - len(shape)))
    if (rank := max(ranks)) == 2:
        return (n * prod(positions), c)
    return (n, c, *positions[: rank - 3], prod(positions[rank - 3 :]))

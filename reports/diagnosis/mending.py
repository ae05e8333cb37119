"""Mistakes taken back from outside: what is asked, or what is answered, is changed in the one place where the mistake sits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.implementation import Setup
from bnspec.protocol import Message
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.bugs.steps import Steps
from bnspec.reports.diagnosis.zoo import made_with

Arrays = dict[str, Array]


@dataclass
class Talk:
    """What is known of one layer while it is asked: its setup, the latest x and dy as (N, C, *S), the mode, the state it is in."""

    setup: Setup
    convention: Convention
    x: Array = field(default_factory=lambda: np.zeros((1, 1)))
    dy: Array = field(default_factory=lambda: np.zeros((1, 1)))
    training: bool = True
    var: Array | None = None

    def moved(self, values: Array) -> Array:
        """Values as (N, C, *S), in float64."""
        return np.moveaxis(values.astype(np.float64), self.setup.channel_axis, 1)

    def back(self, values: Array, like: Array) -> Array:
        """The inverse, in the dtype of `like`."""
        return np.moveaxis(values, 1, self.setup.channel_axis).astype(like.dtype)

    def per_channel(self, values: Array | None, otherwise: float) -> Array:
        """A parameter that broadcasts over x."""
        given = np.full(self.setup.channels, otherwise) if values is None else values.astype(np.float64)
        return given.reshape(1, -1, *[1] * (self.x.ndim - 2))

    @property
    def gamma(self) -> Array:
        """gamma, for x."""
        return self.per_channel(self.setup.gamma, 1.0)

    @property
    def beta(self) -> Array:
        """beta, for x."""
        return self.per_channel(self.setup.beta, 0.0)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that share a mean."""
        return (0, *range(2, self.x.ndim))

    @property
    def mean_var(self) -> tuple[Array, Array]:
        """The statistics of the batch."""
        mean = self.x.mean(self.axes, keepdims=True)
        return mean, np.square(self.x - mean).mean(self.axes, keepdims=True)

    @property
    def inv_std(self) -> Array:
        """1 / sqrt(var + eps), of the batch or of the state."""
        var = self.mean_var[1] if self.training else self.per_channel(self.var, 1.0)
        return np.asarray(1 / np.sqrt(var + self.eps))

    @property
    def eps(self) -> float:
        """The eps that the layer was given."""
        return self.setup.eps or 0.0

    def x_hat(self) -> Array:
        """x_hat in training."""
        return (self.x - self.mean_var[0]) * self.inv_std

    def through_variance(self, values: Array) -> Array:
        """x_hat mean(values x_hat), in training."""
        x_hat = self.x_hat()
        return np.asarray(x_hat * (values * x_hat).mean(self.axes, keepdims=True))


@dataclass(frozen=True)
class Mending:
    """How a mistake is taken back: the words for it, and what becomes of requests and of answers."""

    words: str
    asked: Callable[[Message, Convention], Message] = lambda request, _: request
    answered: Callable[[str, Arrays, Talk], Arrays] = lambda _, arrays, __: arrays


def mending_of(bug: Bug) -> Mending | None:
    """How a bug is taken back from outside; None where that cannot be done."""
    if bug.name in MENDINGS or bug.slug in MENDINGS:
        return MENDINGS.get(bug.name) or (MENDINGS.get(bug.slug) if not bug.form else None)
    if bug.overrides <= {"inv_std", "training_statistics"} and bug.kind == "formula":
        return Mending("y, dgamma and dx multiplied by what 1 / sqrt(var + eps) should have been", answered=_rescaling(bug))
    if bug.overrides == {"stored_var"}:
        return Mending("the batch's variance exchanged in the running one", answered=_restoring(bug))
    return None


def _with_words(request: Message, **changes: Any) -> Message:
    said = Message.of(changes)
    return Message({**request.words, **said.words}, {**request.arrays, **said.arrays})


def _momentum(change: Callable[[float], float]) -> Callable[[Message, Convention], Message]:
    """A request for a layer with another weight of the batch."""

    def asked(request: Message, convention: Convention) -> Message:
        if request.op != "layer" or "momentum" not in request.words:
            return request
        weight = float(convention.batch_weight(float(request.words["momentum"])))
        return _with_words(request, momentum=convention.argument(change(weight)))

    return asked


def _exchanged(request: Message, _: Convention) -> Message:
    given = request.arrays
    if request.op != "layer" or not {"gamma", "beta"} <= given.keys():
        return request
    return _with_words(request, gamma=given["beta"], beta=given["gamma"])


def _contiguous(request: Message, _: Convention) -> Message:
    return _with_words(request, layout="contiguous") if "layout" in request.words else request


def _changed(**changes: Callable[[Array, Talk, Mapping[str, Array]], Array]) -> Callable[[str, Arrays, Talk], Arrays]:
    """Answers of which some arrays are changed, y and dx as (N, C, *S)."""

    def answered(_: str, arrays: Arrays, talk: Talk) -> Arrays:
        found = dict(arrays)
        for name, change in changes.items():
            if name in arrays and arrays[name].shape == (talk.setup.channels,):
                found[name] = change(arrays[name].astype(np.float64), talk, arrays).astype(arrays[name].dtype)
            elif name in arrays:
                found[name] = talk.back(change(talk.moved(arrays[name]), talk, arrays), arrays[name])
        return found

    return answered


def _m(talk: Talk) -> int:
    return talk.x.size // max(talk.setup.channels, 1)


def _without_mean(dx: Array, talk: Talk, _: Any) -> Array:
    return dx - dx.mean(talk.axes, keepdims=True) if talk.training else dx


def _without_variance(dx: Array, talk: Talk, _: Any) -> Array:
    return dx - talk.gamma * talk.inv_std * talk.through_variance(talk.dy) if talk.training else dx


def _flat(values: Array) -> Array:
    return values.reshape(-1)


MENDINGS = {
    "momentum-swapped": Mending("momentum complemented", asked=_momentum(lambda weight: 1 - weight)),
    "rs-updated-twice": Mending("1 - sqrt(1 - w) given for the weight w", asked=_momentum(lambda weight: 1 - (1 - weight) ** 0.5)),
    "fwd-gamma-beta-or-mean-var-swapped": Mending("gamma and beta exchanged", asked=_exchanged),
    "fwd-stride-metadata-lost": Mending("contiguous copies of x and dy", asked=_contiguous),
    "mixed-layout-grad": Mending("contiguous copies of x and dy", asked=_contiguous),
    "dgamma-dbeta-swapped": Mending(
        "dgamma and dbeta exchanged",
        answered=_changed(dgamma=lambda _, __, all_of: all_of["dbeta"], dbeta=lambda _, __, all_of: all_of["dgamma"]),
    ),
    "dbeta-or-dgamma-averaged": Mending(
        "dgamma and dbeta multiplied by m",
        answered=_changed(dgamma=lambda it, talk, _: it * _m(talk), dbeta=lambda it, talk, _: it * _m(talk)),
    ),
    "dbeta-or-dgamma-averaged:dgamma": Mending(
        "dgamma multiplied by m", answered=_changed(dgamma=lambda it, talk, _: it * _m(talk))
    ),
    "dbeta-or-dgamma-averaged:dbeta": Mending("dbeta multiplied by m", answered=_changed(dbeta=lambda it, talk, _: it * _m(talk))),
    "dbeta-or-dgamma-averaged:samples": Mending(
        "dgamma and dbeta multiplied by N",
        answered=_changed(dgamma=lambda it, talk, _: it * len(talk.x), dbeta=lambda it, talk, _: it * len(talk.x)),
    ),
    "fwd-beta-ignored": Mending("beta added to y", answered=_changed(y=lambda y, talk, _: y + talk.beta)),
    "fwd-fixed-gamma-but-stored": Mending(
        "y - beta and dx multiplied by gamma",
        answered=_changed(y=lambda y, talk, _: talk.gamma * (y - talk.beta) + talk.beta, dx=lambda dx, talk, _: talk.gamma * dx),
    ),
    "eval-affine-missing": Mending(
        "gamma and beta put on y in inference",
        answered=_changed(y=lambda y, talk, _: y if talk.training else talk.gamma * y + talk.beta),
    ),
    "dx-missing-gamma": Mending("dx multiplied by gamma", answered=_changed(dx=lambda dx, talk, _: talk.gamma * dx)),
    "dx-missing-inv-std": Mending(
        "dx multiplied by 1 / sqrt(var + eps)", answered=_changed(dx=lambda dx, talk, _: talk.inv_std * dx)
    ),
    "dx-missing-mean-term": Mending("the mean of dx taken away", answered=_changed(dx=_without_mean)),
    "dx-missing-var-term": Mending(
        "gamma inv_std x_hat mean(dy x_hat) taken away from dx", answered=_changed(dx=_without_variance)
    ),
    "dx-no-stat-terms": Mending(
        "the mean of dx and gamma inv_std x_hat mean(dy x_hat) taken away from it",
        answered=_changed(dx=lambda dx, talk, rest: _without_variance(_without_mean(dx, talk, rest), talk, rest)),
    ),
    "dgamma-from-x-or-y:centered": Mending(
        "dgamma multiplied by 1 / sqrt(var + eps)", answered=_changed(dgamma=lambda it, talk, _: it * _flat(talk.inv_std))
    ),
}
"""Bugs that are taken back by one change."""


def _rescaling(bug: Bug) -> Callable[[str, Arrays, Talk], Arrays]:
    """For bugs of 1 / sqrt(var + eps) alone: what it was is known from their own steps."""

    def share(talk: Talk) -> Array:
        layer: Steps = made_with((bug.name,))(talk.setup, talk.convention)
        layer.training = talk.training
        mean, var = talk.mean_var if talk.training else (talk.x[:1] * 0, talk.per_channel(talk.var, 1.0))
        if talk.training:
            mean, var = layer.training_statistics(talk.x, mean, var)
        with np.errstate(all="ignore"):
            return np.asarray(talk.inv_std / layer.inv_std(var))

    def gradient(dx: Array, talk: Talk, _: Any) -> Array:
        ratio = share(talk)
        if not talk.training:
            return dx * ratio
        kept = talk.through_variance(talk.dy)
        return np.asarray(dx * ratio + talk.gamma * talk.inv_std * (kept / ratio**2 - kept))

    return _changed(
        y=lambda y, talk, _: talk.beta + (y - talk.beta) * share(talk),
        dgamma=lambda dgamma, talk, _: dgamma * _flat(share(talk)),
        dx=gradient,
    )


def _restoring(bug: Bug) -> Callable[[str, Arrays, Talk], Arrays]:
    """For bugs of what the running variance takes in: in a first step, the right variance is put for the wrong one."""

    def restored(var: Array, talk: Talk, _: Any) -> Array:
        layers: list[Steps] = [made_with(names)(talk.setup, talk.convention) for names in ((bug.name,), ())]
        wrong, right = (layer.stored_var(_flat(talk.mean_var[1]), talk.x) for layer in layers)
        weight = float(talk.convention.batch_weight(layers[1].momentum))
        return var + weight * (right - wrong) if talk.training else var

    return _changed(var=restored)

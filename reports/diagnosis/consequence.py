"""What a known bug does to somebody's numbers: simulated at sizes as people use them, never told by heart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.implementation import Layer, NotOffered, Setup
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.bugs.questions import Question, answers
from bnspec.reports.diagnosis.zoo import made_with

SMALL, LARGE = 8, 512
"""Values a channel: a small batch, and one in which whatever depends on m is gone."""

STEPS = 40
"""Training steps before inference is asked."""

CHANNELS = 6

SEEN = 1e-4
"""Relative differences below this one are no consequence to anybody in float32."""

SAME = 0.1
"""How far apart the factors of single channels may lie to be told as one."""

TOLD = 3
"""Parts of the layer that a consequence tells of."""

NAMES = {
    "y_train": "training outputs",
    "running_mean": "running mean",
    "running_var": "running variance",
    "y_infer": "inference outputs",
    "dx": "dx",
    "dgamma": "dgamma",
    "dbeta": "dbeta",
}
"""The parts by name."""

STANDING = (np.array([-1.0, 0.5, 2.0, 3.0, -0.25, 4.0]), np.array([0.5, 1.0, 2.0, 0.25, 4.0, 1.5]))
"""Means and deviations of the channels."""


@dataclass(frozen=True)
class Change:
    """What became of one part: `factor` where all of it is multiplied, else the root mean square difference, relatively."""

    part: str
    size: float
    factor: float | None

    def words(self) -> str:
        """In a few words."""
        if not np.isfinite(self.size):
            return f"{NAMES[self.part]} NaN or infinite"
        if self.factor is not None and self.factor > 0:
            ratio = self.factor - 1
            by = percent(abs(ratio)) if abs(ratio) < 1 else f"{self.factor:.3g} times"
            return f"{NAMES[self.part]} {by} {'as large' if ratio >= 1 else 'too large' if ratio > 0 else 'too small'}"
        return f"{NAMES[self.part]} off by {percent(self.size)}"


def percent(share: float) -> str:
    """A share of 1 as people say it."""
    return f"{float(f'{100 * share:.2g}'):g} %" if share < 2 else f"{float(f'{share:.2g}'):,.4g} times its size"


def consequence(bug: Bug, convention: Convention) -> str:
    """The consequence: at n = 8, and what is left of it at n = 512; in words where there is no number to it."""
    try:
        if bug.kind == "rounding":
            return _under_its_own_question(bug, convention)
        small, large = (list(_changes(bug, convention, size)) for size in (SMALL, LARGE))
    except (ValueError, ArithmeticError, NotOffered):
        return bug.effect
    if not small and not large:
        return _under_its_own_question(bug, convention)
    told = f"n = {SMALL}, eps = {_plain(_eps(convention))}, deviations of {STANDING[1].min():g} to {STANDING[1].max():g}"
    if not small:
        return f"Nothing at {told}; at n = {LARGE}: {_listed(large)}."
    return f"At {told}: {_listed(small)}. {_compared(small, large)}"


def _listed(changes: list[Change]) -> str:
    return ", ".join(change.words() for change in changes[:TOLD])


def _compared(small: list[Change], large: list[Change]) -> str:
    """What is left of the changes in a large batch."""
    left = max((change.size for change in large), default=0.0)
    if not large:
        return f"It vanishes at n = {LARGE}."
    if left < 0.1 * max(change.size for change in small):
        return f"At n = {LARGE} little is left: {_listed(large[:1])}."
    return (
        f"At n = {LARGE} it is much the same."
        if left < 10 * small[0].size
        else f"At n = {LARGE} it is worse: {_listed(large[:1])}."
    )


def _plain(number: float) -> str:
    return f"{number:g}".replace("e-0", "e-")


def _eps(convention: Convention) -> float:
    return 1e-5 if convention.eps_default is None else convention.eps_default


def _changes(bug: Bug, convention: Convention, size: int) -> Iterator[Change]:
    """What becomes of each part when a network with the bug has trained for a while, the parts in their order."""
    followed = _followed(bug, convention)
    with np.errstate(all="ignore"):
        wrong, right = (_life(made_with(names)(_setup(followed), followed), size) for names in ((bug.name,), ()))
    for part in NAMES:
        if part in wrong and part in right and (change := _change(part, wrong[part], right[part])) is not None:
            yield change


def _followed(bug: Bug, convention: Convention) -> Convention:
    """The convention with all gradients, and with the choices that the bug needs to show."""
    choices: dict[str, Any] = {"backward": "train+infer", **bug.under, **bug.only_against}
    return replace(convention, **choices)


def _setup(convention: Convention) -> Setup:
    gamma, beta = np.linspace(0.5, 1.5, CHANNELS), np.linspace(-0.5, 1.0, CHANNELS)
    momentum = convention.argument(0.1)
    return Setup(gamma, beta, None, None, _eps(convention), momentum, "float64", 1, 2, CHANNELS)


def _life(layer: Layer, size: int) -> dict[str, Array]:
    """A layer's training, its last step, and an inference after it; y about beta, so that factors show."""
    rng = np.random.default_rng(size)
    beta = np.linspace(-0.5, 1.0, CHANNELS)

    def batch() -> Array:
        return np.asarray(STANDING[0] + STANDING[1] * rng.standard_normal((size, CHANNELS)))

    found: dict[str, Array] = {}
    for _ in range(STEPS):
        found["y_train"] = np.array(layer.forward(batch(), training=True)).reshape(size, -1) - beta
        gradients = layer.backward(rng.standard_normal((size, CHANNELS)) + 0.5)
        found |= {name: np.array(part) for name, part in zip(("dx", "dgamma", "dbeta"), gradients, strict=True) if part is not None}
    found["running_mean"], found["running_var"] = (np.array(part) for part in layer.running())
    found["y_infer"] = np.array(layer.forward(batch(), training=False)).reshape(size, -1) - beta
    return found


def _change(part: str, wrong: Array, right: Array) -> Change | None:
    """How far a part is off; None where nobody would notice."""
    if wrong.shape != right.shape:
        return Change(part, np.inf, None)
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.square(wrong - right).mean() / np.square(right).mean()))
        factors = (wrong * right).reshape(-1, CHANNELS).sum(0) / np.square(right).reshape(-1, CHANNELS).sum(0)
        left = np.sqrt(np.square(wrong - factors * right).mean() / np.square(right).mean())
    if size < SEEN:
        return None
    steady = np.isfinite(factors).all() and float(np.ptp(factors)) < SAME * abs(float(factors.mean())) and left < SAME * size
    return Change(part, size if np.isfinite(size) else np.inf, float(factors.mean()) if steady else None)


def _under_its_own_question(bug: Bug, convention: Convention) -> str:
    """Of a bug that usual numbers hide: what it does to the input that shows it."""
    asked: Question = bug.exposes
    followed = _followed(bug, convention)
    with np.errstate(all="ignore"):
        wrong, right = (answers(made_with(names), asked, followed) for names in ((bug.name,), ()))
    for part, name in NAMES.items():
        for one, two in zip(wrong[part], right[part], strict=False):
            if one.shape == two.shape and (change := _plain_change(part, one, two)) is not None:
                return f"Nothing at usual numbers; with {asked.words}: {name} {change}."
    return bug.effect


def _plain_change(part: str, wrong: Array, right: Array) -> str | None:
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.square(wrong.astype(float) - right).mean() / np.square(right.astype(float)).mean()))
    if size < SEEN:
        return None
    return f"off by {percent(size)}" if np.isfinite(size) else "NaN or infinite"

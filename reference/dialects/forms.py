"""The forms in which dialects keep gamma, beta and the running statistics: as expressions of Python, to be read and to be run.

On the right of an assignment stand the names of the dialect that is left, on the left of it those of the one that is entered.
"""

from __future__ import annotations

from bnspec.reference.dialects import Dialect

GAMMA_FROM = {"value": "{gamma}", "one_plus": "1 + {gamma}", "log": "np.exp({gamma})", "absent": "np.ones_like({running_mean})"}
"""gamma, from what is kept for it."""

GAMMA_INTO = {"value": "{}", "one_plus": "{} - 1", "log": "np.log({})"}
"""What is kept, from gamma."""

BETA_FROM = {"value": "{beta}", "absent": "np.zeros_like({running_mean})"}

SQUARE_FROM = {
    ("variance", "inside"): "{var} + {eps}",
    ("deviation", "inside"): "{var} ** 2 + {eps}",
    ("variance", "outside"): "(np.sqrt({var}) + {eps}) ** 2",
    ("deviation", "outside"): "({var} + {eps}) ** 2",
    ("variance_with_eps", "inside"): "{var}",
    ("inverse_deviation", "inside"): "1 / {var} ** 2",
}
"""The square of what inference divides by, from what is kept for the running variance and where eps stands."""

SQUARE_INTO = {
    ("variance", "inside"): "{square} - {eps}",
    ("deviation", "inside"): "np.sqrt({square} - {eps})",
    ("variance", "outside"): "(np.sqrt({square}) - {eps}) ** 2",
    ("deviation", "outside"): "np.sqrt({square}) - {eps}",
    ("variance_with_eps", "inside"): "{square}",
    ("inverse_deviation", "inside"): "1 / np.sqrt({square})",
}
"""What is kept, from that square."""

SAME_EPS = {("variance", "deviation"): "np.sqrt({var})", ("deviation", "variance"): "{var} ** 2"}
"""What is kept, where eps stands under the root before and after and stays what it was."""


def form_of(dialect: Dialect) -> tuple[str, str]:
    """How it keeps the running variance, and where its eps stands: with what has eps in it, that is no question any more."""
    outside = dialect.eps_place == "outside" and dialect.spread in ("variance", "deviation")
    return dialect.spread, "outside" if outside else "inside"


def kept(source: Dialect, part: str) -> str:
    """What `source` has for a part: its name there, or the number that it always is."""
    return f"{source.fixed[part]:g}" if part in source.fixed else source.called(part)


def gamma(source: Dialect, goal: Dialect) -> str:
    """What `goal` keeps for gamma."""
    if source.scale == goal.scale != "absent":
        return source.called("gamma")
    known = GAMMA_FROM[source.scale].format(gamma=source.called("gamma"), running_mean=source.called("running_mean"))
    return GAMMA_INTO[goal.scale].format(known)


def beta(source: Dialect) -> str:
    """beta, which every dialect that has one keeps as it is."""
    return BETA_FROM[source.shift].format(beta=source.called("beta"), running_mean=source.called("running_mean"))


def mean(source: Dialect, goal: Dialect) -> str:
    """What `goal` keeps for the running mean."""
    return _summed(_average(source, "running_mean"), source, goal)


def epsilon(source: Dialect, goal: Dialect) -> str:
    """The eps that `goal` is given: the same, as far as it takes it."""
    if "eps" in goal.fixed:
        return kept(goal, "eps")
    same = kept(source, "eps")
    return f"max({same}, {goal.eps_least:g})" if goal.eps_least > source.eps_least else same


def variance(source: Dialect, goal: Dialect) -> str:
    """What `goal` keeps for the running variance, so that its inference divides by what that of `source` divides by."""
    before, after = form_of(source), form_of(goal)
    var, eps, given = _average(source, "running_var"), kept(source, "eps"), epsilon(source, goal)
    if before == after and (eps == given or after[0] in ("variance_with_eps", "inverse_deviation")):
        return _summed(var, source, goal)
    if eps == given and before[1] == after[1] and (before[0], after[0]) in SAME_EPS:
        return _summed(SAME_EPS[before[0], after[0]].format(var=_whole(var)), source, goal)
    square = SQUARE_FROM[before].format(var=_whole(var) if before != ("variance", "inside") else var, eps=eps)
    return _summed(SQUARE_INTO[after].format(square=square, eps=given), source, goal)


def batch_weight(source: Dialect) -> str:
    """The weight of a batch in the running average; "" where that is no constant."""
    momentum = kept(source, "momentum")
    return {"batch": momentum, "running": f"(1 - {momentum})"}.get(source.convention.momentum_weighs, "")


def _average(source: Dialect, part: str) -> str:
    return f"{source.called(part)} / {source.sums}" if source.sums else source.called(part)


def _summed(text: str, source: Dialect, goal: Dialect) -> str:
    """The sum that `goal` keeps for an average: of so many batches as weigh anything."""
    if not goal.sums or source.sums:
        return text.removesuffix(f" / {source.sums}") if goal.sums and text.endswith(f" / {source.sums}") else text
    weight = batch_weight(source)
    return f"{_whole(text)} / {weight}" if weight else text


def _whole(text: str) -> str:
    """In parentheses where it is more than a name."""
    return text if text.isidentifier() else f"({text})"

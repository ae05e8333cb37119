"""The numbers that a layer is made with, on their way into another dialect: eps, momentum and the count of steps."""

from __future__ import annotations

from collections.abc import Iterator

from bnspec.convention import Convention
from bnspec.reference.dialects import Dialect, forms
from bnspec.reference.dialects.step import Step, assigned, shown

STEPS = (1, 10, 100)
"""Numbers of steps for which start-up corrections are given as numbers."""


def epsilon(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """The eps to give, which is not the default where the defaults differ."""
    mine, theirs = source.convention.eps_default, goal.convention.eps_default
    if "eps" in goal.fixed:
        note = "no other is taken: the running variance makes up for it in inference, and nothing does in training"
        yield Step("eps", "convert", f"{goal.called('eps')} = {goal.fixed['eps']:g}", note)
        return
    note = "the defaults are the same" if mine == theirs else f"give it: the default is {shown(theirs)}, and was {shown(mine)}"
    if goal.eps_least > source.eps_least:
        note += f"; nothing below {goal.eps_least:g} is taken, and training differs where it was below"
    yield assigned(goal.called("eps"), forms.epsilon(source, goal), "eps", source, note)


def momentum(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """The momentum with which the running statistics go on as before, as far as there is one."""
    mine, theirs = source.convention, goal.convention
    weighs, name = (mine.momentum_weighs, theirs.momentum_weighs), forms.kept(source, "momentum")
    if "unobservable" in weighs:
        silent = source.name if weighs[0] == "unobservable" else goal.name
        yield Step("momentum", "cannot", note=f"{silent} does not average, so there is nothing to convert")
    elif weighs[0] == "cumulative":
        yield _from_cumulative(source, goal)
    elif weighs[1] == "cumulative":
        yield Step(
            "momentum",
            "cannot",
            note=f"{goal.name} weighs all batches alike, and {source.name} forgets: no argument makes it do so",
        )
    elif "momentum" in goal.fixed and _complement(mine, theirs, mine.momentum_default) != goal.fixed["momentum"]:
        note = f"{goal.name} always uses {goal.fixed['momentum']:g}, and does not let itself be given another"
        yield Step("momentum", "cannot", note=note)
    else:
        same = weighs[0] == weighs[1]
        yield assigned(goal.called("momentum"), name if same else f"1 - {name}", "momentum", source, _about_momentum(mine, theirs))
    if mine.debias != theirs.debias:
        yield Step("debias", "differs", note=_about_debias(source, goal))


def _complement(mine: Convention, theirs: Convention, value: float | None) -> float | None:
    if value is None or mine.momentum_weighs == theirs.momentum_weighs:
        return value
    return float(f"{1 - value:.12g}")


def _about_momentum(mine: Convention, theirs: Convention) -> str:
    weighed = {"batch": "the new batch", "running": "the old value"}
    said = f"it weighs {weighed[theirs.momentum_weighs]}"
    if mine.momentum_weighs != theirs.momentum_weighs:
        said += f", and weighed {weighed[mine.momentum_weighs]}"
    if mine.momentum_default is None:
        return said
    there = _complement(mine, theirs, mine.momentum_default)
    return (
        f"{said}: the default of {mine.momentum_default:g} becomes {there:g}; the default there is {shown(theirs.momentum_default)}"
    )


def _from_cumulative(source: Dialect, goal: Dialect) -> Step:
    if goal.convention.momentum_weighs == "cumulative":
        return Step("momentum", "copy", note="both are plain averages over all batches")
    if goal.cumulative:
        return Step("momentum", "choose", note=f"for a plain average over all batches, as in {source.name}: {goal.cumulative}")
    weight = "1 - 1 / (k + 1)" if goal.convention.momentum_weighs == "running" else "1 / (k + 1)"
    note = f"no constant makes a plain average over all batches; where it can be changed between steps, give {weight} after k steps"
    return Step("momentum", "cannot", note=note)


def _about_debias(source: Dialect, goal: Dialect) -> str:
    """What the start-up corrections make of the same momentum."""
    said = {
        "none": "lets its start fade away",
        "zero": "starts at zero and divides by 1 - keep ** k after k steps",
        "first": "copies its first batch",
    }
    text = f"{source.name} {said[source.convention.debias]}, {goal.name} {said[goal.convention.debias]}"
    convention = source.convention if source.convention.debias == "zero" else goal.convention
    if convention.debias == "zero" and (momentum := convention.momentum_default or 0.99) is not None:
        keep = momentum if convention.momentum_weighs == "running" else 1 - momentum
        numbers = ", ".join(f"{1 - keep**k:.3g} after {k}" for k in STEPS)
        text += f" (with keep = {keep:g} that divisor is {numbers})"
    if goal.convention.debias == "first":
        text += "; say that it has had its first batch, or the next one is copied over what was converted"
    return text


def counter(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """The number of steps taken, where the goal counts them."""
    if "steps" not in goal.names:
        return
    name = goal.called("steps")
    matters = goal.convention.momentum_weighs == "cumulative" or goal.convention.debias == "zero" or bool(goal.cumulative)
    if "steps" in source.names:
        yield assigned(name, source.called("steps"), "steps", source)
    elif matters:
        when = "" if not goal.cumulative else f" with {goal.cumulative}"
        note = f"{source.name} does not count its steps; it matters{when}: with 0 the next batch replaces what was converted"
        yield Step("steps", "choose", note=f"{name} is the number of steps that are to count: {note}")

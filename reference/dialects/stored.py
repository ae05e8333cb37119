"""What is stored of a layer, on its way into another dialect: gamma, beta and the running statistics."""

from __future__ import annotations

from collections.abc import Iterator

from bnspec.reference.dialects import Dialect, forms
from bnspec.reference.dialects.step import Step, assigned


def parameters(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """gamma and beta."""
    forms_of = {"gamma": (source.scale, goal.scale), "beta": (source.shift, goal.shift)}
    for about, (before, after) in forms_of.items():
        if after == "absent":
            what = "times" if about == "gamma" else "plus"
            note = f"{goal.name} has no {about}: put a layer behind it that gives y {what} {about}, channel by channel"
            yield Step(about, "cannot" if before != "absent" else "copy", note=note if before != "absent" else "neither has one")
            continue
        expression = forms.gamma(source, goal) if about == "gamma" else forms.beta(source)
        note = f"{source.name} has none, which is as if it were {1 if about == 'gamma' else 0}" if before == "absent" else ""
        if after == "log" and before != "log":
            note = "a logarithm has no gamma of 0 or below: such channels cannot be converted"
        yield assigned(goal.called(about), expression, about, source, note)


def statistics(source: Dialect, goal: Dialect) -> Iterator[Step]:
    """The running statistics, so that inference gives the same; and the sums that some dialects keep for them."""
    absent = next((one.name for one in (source, goal) if one.spread == "absent"), "")
    if absent:
        note = f"{absent} keeps no running statistics; average those of some batches, with the final weights, to have any"
        yield Step("running_mean", "cannot", note=note)
        return
    yield assigned(goal.called("running_mean"), forms.mean(source, goal), "running_mean", source)
    yield assigned(goal.called("running_var"), forms.variance(source, goal), "running_var", source, _about_variance(source, goal))
    if goal.sums:
        yield _sums(source, goal)
    if goal.convention.debias == "zero" and "hidden_mean" in goal.names:
        yield from _hidden(source, goal)
    elif goal.convention.debias == "zero" and not goal.sums and source.convention.debias != "zero":
        note = "these are the averages as inference reads them; the uncorrected ones are these times 1 - keep ** k after k steps"
        yield Step("hidden", "choose", note=note)


def _sums(source: Dialect, goal: Dialect) -> Step:
    if source.sums:
        return Step("sums", "copy", f"{goal.sums} = {source.sums}")
    weight = forms.batch_weight(source)
    one, all_ = "as of one batch: the next weighs as much as all before", "where it ends, so that the next batch weighs as before"
    return Step("sums", "convert", f"{goal.sums} = {f'1 / {weight}' if weight else '1.0'}", all_ if weight else one)


def _about_variance(source: Dialect, goal: Dialect) -> str:
    """Where the formula for the running variance has no number to give."""
    notes = []
    if source.spread != goal.spread:
        said = {"deviation": "the deviation", "variance": "the variance", "inverse_deviation": "1 / sqrt(var + eps)"}
        kept = said.get(source.spread, "var + eps"), said.get(goal.spread, "var + eps")
        notes.append(f"{source.name} keeps {kept[0]}, {goal.name} {kept[1]}")
    if source.eps_place != goal.eps_place:
        added = {"inside": "under the root", "outside": "to the root"}
        notes.append(f"{source.name} adds eps {added[source.eps_place]}, {goal.name} {added[goal.eps_place]}")
    if " - " in forms.variance(source, goal):
        notes.append("so inference divides by the same; a channel for which no number of 0 or more does so cannot be converted")
    return "; ".join(notes)


def _hidden(source: Dialect, goal: Dialect) -> Iterator[Step]:
    weight = forms.batch_weight(source)
    steps = source.called("steps") if "steps" in source.names else ""
    for part in ("mean", "var"):
        average, hidden = goal.called(f"running_{part}"), goal.called(f"hidden_{part}")
        note = "for k steps that are to count: after 1 the next batch weighs as much as all before, after many as momentum says"
        if steps and weight:
            expression = forms.mean(source, goal) if part == "mean" else forms.variance(source, goal)
            yield Step("hidden", "convert", f"{hidden} = ({expression}) * (1 - (1 - {weight}) ** {steps})")
        else:
            yield Step("hidden", "choose", f"{hidden} = {average} * (1 - {goal.called('momentum')} ** k)", note * (part == "mean"))

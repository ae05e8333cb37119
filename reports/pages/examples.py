"""A counterexample in few words: the calls, where they are short enough to be read, and the one number that tells most."""

from __future__ import annotations

from bnspec.reports.pages.wording import apart, array_text, distance, number, place
from bnspec.reports.record import Counterexample
from bnspec.reports.trace import BackwardStep, CopyStep, ForwardStep, LayerStep, LoadStep, SaveStep

FEW_NUMBERS = 12
"""Numbers of x and dy together up to which the shrunk case is printed."""


def difference(example: Counterexample | None) -> str:
    """What came and what was due, y[0, 0]: got 1, wanted 2; "" where it is not about one number."""
    if example is None or example.got is None or example.want is None:
        return ""
    got, want = apart(example.got, example.want)
    return f"{place(example)}: got {got}, wanted {want}{distance(example)}"


def numbers_of(example: Counterexample | None) -> int:
    """How many numbers of x and dy it takes."""
    return sum(_numbers(step) for step in example.trace) if example else 0


def in_words(example: Counterexample) -> str:
    """The shrunk case, where it is small enough to be read."""
    said, inference = [], False
    for step in example.trace:
        match step:
            case ForwardStep():
                said.append(f"x = {array_text(step.x)} ({'training' if step.training else 'inference'})")
                inference = inference or not step.training
            case BackwardStep():
                said.append(f"dy = {array_text(step.dy)}")
            case CopyStep():
                said.append(f"copied by {step.how}")
            case SaveStep():
                said.append("its state saved")
            case LoadStep():
                said.append("that state loaded")
    said += [_setup(step, inference) for step in example.trace if isinstance(step, LayerStep)][:1]
    return "; ".join(said) if 0 < numbers_of(example) <= FEW_NUMBERS else ""


def _numbers(step: object) -> int:
    match step:
        case ForwardStep():
            return len(step.x.data)
        case BackwardStep():
            return len(step.dy.data)
        case _:
            return 0


def _setup(step: LayerStep, inference: bool) -> str:
    """What the layer was given, as far as its answers depend on it."""
    given = {"gamma": step.gamma, "beta": step.beta}
    if inference:
        given |= {"running_mean": step.running_mean, "running_var": step.running_var}
    eps = [] if step.eps is None else [f"eps = {number(step.eps)}"]
    return "; ".join([*(f"{name} = {array_text(values)}" for name, values in given.items() if values), *eps])

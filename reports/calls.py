"""The calls of a counterexample as lines of a script in plain NumPy."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

import numpy as np

from bnspec.reports.trace import (
    BackwardStep,
    CopyStep,
    ForwardStep,
    LayerStep,
    LoadStep,
    RunningStep,
    SaveStep,
    Step,
    Values,
    bracketed,
)

LAYOUTS = {
    "contiguous": [],
    "strided": [
        "every_second = (slice(None, None, 2),) * x.ndim  # x in memory with gaps of NaN between its numbers",
        "wide = np.full([2 * size for size in x.shape], np.nan, x.dtype)",
        "wide[every_second] = x",
        "x = wide[every_second]",
    ],
    "reversed": [
        "backwards = (slice(None, None, -1),) * x.ndim  # x in memory from its last number to its first",
        'x = np.array(x[backwards], order="C")[backwards]',
    ],
    "fortran": ['x = np.array(x, order="F")  # in memory with the first axis running fastest'],
    "channels_last": [
        'x = np.moveaxis(np.array(np.moveaxis(x, {axis}, -1), order="C"), -1, {axis})  # in memory with channels last'
    ],
}
"""The lines that lay out x in memory as `bnspec.layouts` does; `axis` is where its channels are."""

COPIES = {"deepcopy": "copy.deepcopy", "pickle": "lambda original: pickle.loads(pickle.dumps(original))"}
"""How a script copies a layer."""


def refusable(trace: Sequence[Step], compared: Collection[int]) -> set[int]:
    """The training steps on one value a channel or none, which a layer may refuse, but for those whose answers are compared."""
    sizes = {step.layer: step.channels for step in trace if isinstance(step, LayerStep)}
    small = {
        number
        for number, step in enumerate(trace)
        if isinstance(step, ForwardStep) and step.training and len(step.x.data) <= sizes.get(step.layer, 0)
    }
    return small - set(compared)


def calls(trace: Sequence[Step], may_refuse: Collection[int] = ()) -> list[str]:
    """The lines that make these calls; what step number K returns as `y` is in the variable `y_K`.

    may_refuse   steps whose error is an answer as well
    """
    lines: list[str] = []
    axes: dict[int, int] = {}
    for number, step in enumerate(trace):
        if isinstance(step, LayerStep):
            axes[step.layer] = step.channel_axis
        elif isinstance(step, CopyStep):
            axes[step.to] = axes.get(step.layer, 1)
        called = _call(step, number, axes.get(step.layer, 1))
        lines += [*called[:-1], *_tried(called[-1], result(number, "y"))] if number in may_refuse else called
    return lines


def _call(step: Step, number: int, channel_axis: int) -> list[str]:
    layer = f"layer_{step.layer}"
    match step:
        case LayerStep():
            return [f"{layer} = Adapter().layer({_setup(step)})"]
        case ForwardStep():
            laid_out = [line.format(axis=channel_axis) for line in _layout(step.layout)]
            return [f"x = {array(step.x)}", *laid_out, f"{result(number, 'y')} = {layer}.forward(x, training={step.training})"]
        case BackwardStep():
            results = ", ".join(result(number, name) for name in ("dx", "dgamma", "dbeta"))
            laid_out = [line.format(axis=channel_axis) for line in _layout(step.layout)]
            there = ["x = dy", *laid_out, "dy = x"] if laid_out else []
            return [f"dy = {array(step.dy)}", *there, f"{results} = {layer}.backward(dy)"]
        case RunningStep():
            return [f"{result(number, 'running_mean')}, {result(number, 'running_var')} = {layer}.running()"]
        case CopyStep():
            return [f"layer_{step.to} = {layer}.copied({COPIES[step.how]})"]
        case SaveStep():
            return [f"state_{step.state} = {layer}.save()"]
        case LoadStep():
            return [f"{layer}.load(state_{step.state})"]


def _tried(call: str, answer: str) -> list[str]:
    return [
        "try:",
        f"    {call}",
        "except Exception as refusal:  # with so few values a layer may refuse",
        f"    {answer} = refusal",
    ]


def _layout(name: str) -> list[str]:
    return LAYOUTS.get(name, [f"# in memory as {name!r}, which this script does not reproduce"])


def _setup(step: LayerStep) -> str:
    given = [(name, getattr(step, name)) for name in step.__struct_fields__ if name != "layer"]
    said = [f"    {name}={array(value) if isinstance(value, Values) else repr(value)}," for name, value in given]
    return "\n".join(["SimpleNamespace(", *said, ")"])


def array(values: Values) -> str:
    """A NumPy expression; the decimals give back every bit."""
    words = [f"np.{value}" if value in ("nan", "inf") else "-np.inf" if value == "-inf" else repr(value) for value in values.data]
    dtype = f"np.{values.dtype}" if hasattr(np, values.dtype) else f"ml_dtypes.{values.dtype}"
    plain = len(values.shape) <= 2 and values.data
    body = bracketed(words, values.shape) if plain else f"[{', '.join(words)}]"
    end = "" if plain else f".reshape({tuple(values.shape)})"
    return textwrap.fill(f"np.array({body}, dtype={dtype}){end}", 110, subsequent_indent="    ", break_long_words=False)


def result(number: int, name: str) -> str:
    """The variable that holds a part of what this step returned."""
    return f"{name}_{number}"

"""The calls of a trace and what they returned, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bnspec.blame import told
from bnspec.case import Array
from bnspec.plugs.faults import Fault
from bnspec.reports.checks import Check
from bnspec.reports.inert import one_line
from bnspec.reports.trace import BackwardStep, CopyStep, ForwardStep, LayerStep, LoadStep, RunningStep, SaveStep, Step, Values

FEW = 24
"""Numbers of an array up to which all of them are shown."""

GIVEN = ("gamma", "beta", "running_mean", "running_var")


def call_in_words(number: int, step: Step) -> str:
    """What step `number` asks for, with all that it is given."""
    return f"{number:3}  layer {step.layer}: " + "\n     ".join(_asked(step))


def _asked(step: Step) -> list[str]:
    match step:
        case LayerStep():
            where = f"{step.channels} channel{'' if step.channels == 1 else 's'} on axis {step.channel_axis} of {step.rank}"
            given = [f"  {name} = {_values(value)}" for name in GIVEN if (value := getattr(step, name)) is not None]
            return [f"made fresh, for {step.dtype}, {where}, eps {step.eps}, momentum {step.momentum}", *given]
        case ForwardStep():
            return [f"forward, {'training' if step.training else 'inference'}{_lying(step.layout)}", f"  x = {_values(step.x)}"]
        case BackwardStep():
            return [f"backward{_lying(step.layout)}", f"  dy = {_values(step.dy)}"]
        case RunningStep():
            return ["its running statistics"]
        case CopyStep():
            return [f"copied by {step.how}, as layer {step.to}"]
        case SaveStep():
            return [f"its state saved, as state {step.state}"]
        case LoadStep():
            return [f"state {step.state} loaded"]


def answered(outcome: Mapping[str, Array] | Exception, due: Mapping[str, Check]) -> str:
    """What a step returned, and what it was to return where something is compared; "" where there is neither."""
    if isinstance(outcome, Fault):
        return f"       {outcome.status}: {one_line(outcome.text)}"
    if isinstance(outcome, Exception):
        return f"       {one_line(told(outcome))}"
    lines = []
    for name, values in outcome.items():
        lines.append(f"       {name} = {_numbers(values)}")
        if check := due.get(name):
            tolerance = f"within {np.max(check.tolerance, initial=0.0):.2g}" if np.any(check.tolerance) else "to the last bit"
            lines.append(f"       {' ' * len(name)} ~ {_numbers(check.expected)} was due, {tolerance}")
    return "\n".join(lines)


def _lying(layout: str) -> str:
    return "" if layout == "contiguous" else f", in memory {layout.replace('_', ' ')}"


def _values(values: Values) -> str:
    return _numbers(values.numpy())


def _numbers(values: Array) -> str:
    """An array in one line, its middle left out where it is long."""
    with np.printoptions(threshold=FEW, edgeitems=3, formatter={"float_kind": _figure}):
        text = np.array2string(values.astype(np.float64), separator=", ")
    shape = "" if values.size <= FEW else f"  shape {values.shape}"
    return " ".join(text.split()) + shape


def _figure(value: Any) -> str:
    return f"{value:.9g}"

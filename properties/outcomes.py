"""From what a test raised to the status of its row, and from a finding to plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis.errors import Flaky, Unsatisfiable

from bnspec.case import Array
from bnspec.plugs.link import Fault
from bnspec.plugs.subject import CODES
from bnspec.properties.judge import Deviation, Finding
from bnspec.properties.rows import Row
from bnspec.properties.stage import Tally
from bnspec.protocol import Message

MIN_INFORMATIVE_SHARE = 0.1
"""A property of which fewer cases than this could tell right from wrong has shown nothing."""

NAMES = {code: name for name, code in CODES.items()}
"""The dtype of a code."""

FAULT_WORDS = {"error": "raised an error", "crash": "ended its process"}

OUR_FAULT = "bnspec itself failed here, which is its bug and not yours: {}: {}"
"""Why nothing is known, where that is not the implementation's doing: the kind of error, and what it says."""


def settle(row: Row, tally: Tally, error: BaseException | None) -> None:
    """Fill in a row: counts, status, reason, counterexample."""
    row.examples, row.informative, row.declined = tally.examples - tally.declined, tally.informative, tally.declined
    row.worst_ratio, row.grade = tally.worst_ratio, tally.grade
    if isinstance(tally.worst, Finding):
        row.climb = tally.climb
        row.worst = counterexample(tally.worst) if error is None else None
    row.status, row.reason = _status(tally, error)
    shown = _failures(error, tally)[-1] if isinstance(error, Flaky) else error
    if isinstance(shown, Deviation):
        row.counterexample = counterexample(shown.finding)
    elif isinstance(shown, Fault):
        row.counterexample = {"message": told_fault(shown), "component": shown.op, "trace": steps(shown.trace)}


def _failures(flaky: Flaky, tally: Tally) -> list[BaseException | None]:
    """What was raised by the case that came out in two ways, one failure or two; as far as Hypothesis does not say, the latest."""
    inner: tuple[BaseException, ...] = getattr(flaky, "exceptions", ())
    return [error for error in inner if isinstance(error, Deviation | Fault)] or [tally.failure]


def _two_answers(flaky: Flaky, tally: Tally) -> str:
    """Both outcomes of the case that came out in two ways, in the order in which they came."""
    first, *others = _failures(flaky, tally)
    if others and others[-1] is not first:
        both = _words(first), _words(others[-1])
    elif tally.latest is first:
        both = "the law held", _words(first)
    else:
        both = _words(first), _words(tally.latest)
    return f"the same question got two answers: first {both[0]}; asked again, {both[1]}"


def _words(outcome: BaseException | str | None) -> str:
    """One line about what a case came to."""
    told = told_fault(outcome) if isinstance(outcome, Fault) else str(outcome or "it failed")
    return told.partition("\n")[0]


def _status(tally: Tally, error: BaseException | None) -> tuple[str, str]:
    if tally.cut:
        return "cut", f"the run was out of time after {tally.examples - tally.declined} cases; --max-seconds gives it more"
    if error is None:
        return _passed(tally)
    if isinstance(error, Deviation):
        return "fail", _words(error)
    if isinstance(error, Fault):
        return error.status, _words(error)
    if isinstance(error, Flaky):
        return "flaky", _two_answers(error, tally)
    if isinstance(error, pytest.skip.Exception):
        return "unsupported", str(error)
    if isinstance(error, Unsatisfiable):
        return _passed(tally)
    return "not-run", OUR_FAULT.format(type(error).__name__, error)


def told_fault(fault: Fault) -> str:
    """What a fault says, beginning with the operation that was asked."""
    said = fault.text.strip()
    if fault.status == "error" and said.startswith(f"{fault.op} returned"):
        return said
    if fault.status == "timeout":
        return f"{fault.op} gave {said}"
    return f"{fault.op} {FAULT_WORDS.get(fault.status, fault.status)}" + (f": {said}" if said else "")


def _passed(tally: Tally) -> tuple[str, str]:
    asked = tally.examples - tally.declined - tally.unasked
    if tally.declined > asked:
        return "unsupported", tally.why or "not offered"
    if not asked:
        return "vacuous", "no case could be asked"
    if tally.informative < max(1, MIN_INFORMATIVE_SHARE * asked):
        return "vacuous", f"only {tally.informative} of {asked} cases could have told right from wrong"
    return "pass", ""


def counterexample(finding: Finding) -> dict[str, Any]:
    """A finding as the plain data that a record holds."""
    name = finding.component if finding.expected is not None else None
    return {
        "message": finding.message,
        "component": finding.component,
        "index": None if finding.index is None else list(finding.index),
        "got": number(finding.got),
        "want": number(finding.want),
        "error": None if finding.got is None or finding.want is None else number(abs(finding.got - finding.want)),
        "bound": number(finding.bound),
        "ratio": number(finding.ratio),
        "trace": steps(finding.trace),
        "shows": None if finding.step is None or name is None else {"step": finding.step, "name": name},
        "expected": None if finding.expected is None or finding.step is None else array(finding.expected),
        "tolerance": None if finding.tolerance is None or finding.step is None else array(finding.tolerance),
    }


def number(value: float | None) -> float | str | None:
    """A float that JSON can hold: infinities and NaN as words."""
    return value if value is None or np.isfinite(value) else str(float(value))


def array(values: Array) -> dict[str, Any]:
    """An array as plain data: dtype, shape, flat values in C order."""
    flat = values.astype(np.float64).ravel().tolist()
    return {"dtype": values.dtype.name, "shape": list(values.shape), "data": [number(value) for value in flat]}


def steps(trace: tuple[Message, ...] | list[Message]) -> list[dict[str, Any]]:
    """The requests of a trace as plain data."""
    return [_step(message) for message in trace]


def _step(message: Message) -> dict[str, Any]:
    words, arrays = message.words, {name: array(values) for name, values in message.arrays.items()}
    number_of = int(words["layer"])
    if message.op == "layer":
        named = {name: arrays.get(name) for name in ("gamma", "beta", "running_mean", "running_var")}
        given = {name: float(words[name]) if name in words else None for name in ("eps", "momentum")}
        whole = {"channel_axis": int(words["axis"]), "rank": int(words["rank"]), "channels": int(words["channels"])}
        return {"do": "layer", "layer": number_of, **named, **given, "dtype": NAMES[words["dtype"]], **whole}
    if message.op == "forward":
        training = words["training"] == "1"
        return {"do": "forward", "layer": number_of, "training": training, "layout": words["layout"], **arrays}
    said = {name: words[name] for name in ("layout", "how") if name in words}
    made = {name: int(words[name]) for name in ("to", "state") if name in words}
    return {"do": message.op, "layer": number_of, **said, **made, **arrays}

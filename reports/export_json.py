"""A failure as data, for a test in any language: docs/runs.md describes the form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.reports.checks import Check
from bnspec.reports.export import Exported
from bnspec.reports.trace import Step, Values

SCHEMA = "bnspec-case/1"
"""The form; the number moves when a reader of the old form would misread the new one."""


def source(case: Exported) -> str:
    """The JSON document, indented, its lists of plain numbers one a line."""
    document = {
        "schema": SCHEMA,
        "property": case.row.property,
        "dtype": case.row.dtype,
        "about": "\n".join(case.heading()),
        "target": case.record.target,
        "convention": case.record.convention,
        "steps": [_step(step) | _refusal(number in case.may_refuse) for number, step in enumerate(case.trace)],
        "expected": [_expected(check) for check in case.checks],
    }
    return "".join(_lines(document, 0)) + "\n"


def numbers(array: Array) -> dict[str, Any]:
    """An array as decimals that give back every bit, and as those bits: IEEE 754, hexadecimal, most significant digit first."""
    flat = np.ascontiguousarray(array).ravel()
    bits = flat.view(f"u{flat.dtype.itemsize}").tolist() if flat.dtype.kind not in "iub" else []
    width = 2 * flat.dtype.itemsize
    plain = Values.of(array)
    found = {"dtype": plain.dtype, "shape": plain.shape, "values": plain.data}
    return {**found, "bits": [f"0x{one:0{width}x}" for one in bits]} if bits or not flat.size else found


def _step(step: Step) -> dict[str, Any]:
    fields = {name: getattr(step, name) for name in step.__struct_fields__}
    said = {name: numbers(value.numpy()) if isinstance(value, Values) else value for name, value in fields.items()}
    for name in ("eps", "momentum"):
        if isinstance(value := said.get(name), float):
            said[name] = numbers(np.array(value))
    return {"do": step.__struct_config__.tag, **said}


def _refusal(may: bool) -> dict[str, Any]:
    return {"may_refuse": True} if may else {}


def _expected(check: Check) -> dict[str, Any]:
    return {
        "step": check.step,
        "name": check.name,
        "value": numbers(check.expected),
        "tolerance": numbers(check.tolerance),
    }


def _lines(value: Any, depth: int) -> list[str]:
    """JSON with two spaces a level, in which a list of numbers or words stays on its line."""
    pad, deeper = "  " * depth, "  " * (depth + 1)
    if isinstance(value, Mapping) and value:
        parts = [[deeper, json.dumps(str(name)), ": ", *_lines(one, depth + 1)] for name, one in value.items()]
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        parts = [[deeper, *_lines(one, depth + 1)] for one in value]
    else:
        return [json.dumps(value, allow_nan=False)]
    left, right = ("{", "}") if isinstance(value, Mapping) else ("[", "]")
    joined = [text for part in parts for text in (*part, ",\n")][:-1]
    return [f"{left}\n", *joined, f"\n{pad}{right}"]

"""The JSON Schema of the vectors: of the files here, and of `case.json` and `index.json` in exported directories."""

from __future__ import annotations

from typing import Any

from bnspec.bounds_scalars import GRADES
from bnspec.fixed.recipes import DTYPES
from bnspec.reference.vectors.making import FORMAT

WORD = {"type": "string", "pattern": "^[a-z0-9-]+$"}
NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}
ALLOWED = {"anyOf": [{"type": "number", "minimum": 0}, {"const": "inf"}]}
BITS = {"type": "string", "pattern": "^[0-9a-f]+( [0-9a-f]+)*$"}


def closed(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with these properties and no others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def lists(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """An array of such items, at least so many."""
    return {"type": "array", "items": items, "minItems": least}


def schema() -> dict[str, Any]:
    """The schema; which of its forms a document has follows from its keys."""
    ref = {name: {"$ref": f"#/$defs/{name}"} for name in ("array", "expected", "output", "case")}
    grades = {grade: lists(ALLOWED, 1) for grade in GRADES}
    expected = closed({"values": lists(NUMBER, 1), "bits": BITS, "within": closed(grades, optional=GRADES)})
    outputs = dict.fromkeys(("y", "running_mean", "running_var", "dx", "dgamma", "dbeta"), ref["output"])
    call = {
        "call": {"enum": ["train", "infer"]},
        "x": ref["array"],
        "dy": {"anyOf": [{"type": "null"}, ref["array"]]},
        "expected": closed(outputs, optional=tuple(outputs)),
    }
    case = {
        "name": WORD,
        "flags": lists(WORD, 1),
        "why": {"type": "string", "minLength": 1},
        "shape": lists({"type": "integer", "minimum": 1}, 2),
        "declinable": {"type": "boolean"},
        "eps": {"type": "number", "minimum": 0},
        "eps_bits": BITS,
        "new_batch_weighs": {"type": "number", "minimum": 0, "maximum": 1},
        "old_value_weighs": {"type": "number", "minimum": 0, "maximum": 1},
        **dict.fromkeys(("gamma", "beta", "running_mean", "running_var"), ref["array"]),
        "calls": lists(closed(call), 1),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Golden vectors for Batch Normalization",
        "anyOf": [_vectors(ref), _flags(), _index(), ref["case"]],
        "$defs": {
            "array": closed({"values": lists(NUMBER, 1), "bits": BITS}),
            "expected": expected,
            "output": {"anyOf": [ref["expected"], closed({"biased": ref["expected"], "unbiased": ref["expected"]})]},
            "case": closed(case),
            "flag": closed(
                {
                    **{name: {"type": "string", "minLength": 1} for name in ("title", "effect", "right", "wrong")},
                    "seen": lists({"type": "string"}, 1),
                    "links": lists({"type": "string", "format": "uri", "pattern": "^https://"}),
                    "bugs": lists({"type": "string", "pattern": "^[a-z0-9-]+(:[a-z0-9-]+)?$"}, 1),
                    "cases": lists(WORD, 1),
                }
            ),
        },
    }


def _vectors(ref: dict[str, Any]) -> dict[str, Any]:
    letter = {"enum": list(GRADES)}
    dtype = {"enum": list(DTYPES)}
    heading = {"format": {"const": FORMAT}, "dtype": dtype, "parameter_dtype": {"enum": ["float32", "float64"]}}
    return closed({**heading, "grades": lists(letter, 1), "limit": letter, "cases": lists(ref["case"], 1)})


def _flags() -> dict[str, Any]:
    return closed({"format": {"const": FORMAT}, "flags": {"type": "object", "additionalProperties": {"$ref": "#/$defs/flag"}}})


def _index() -> dict[str, Any]:
    listed = closed({"name": WORD, "dtype": {"enum": list(DTYPES)}, "flags": lists(WORD, 1)})
    about = {"type": "object", "additionalProperties": {"$ref": "#/$defs/flag"}}
    return closed({"format": {"const": FORMAT}, "suite": {"type": "string"}, "cases": lists(listed, 1), "flags": about})

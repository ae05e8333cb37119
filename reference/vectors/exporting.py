"""The vectors as directories: for each case its numbers as text, as NumPy arrays and as raw little-endian bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from bnspec import __version__
from bnspec.case import Array
from bnspec.fixed.catalogue import of_dtype
from bnspec.fixed.recipes import Made, Recipe, made
from bnspec.fixed.truths import STATE
from bnspec.reference.vectors.making import FORMAT, Expected, case_document, expectations
from bnspec.reference.vectors.writing import read, text_of

INDEX = "index.json"
"""The file of an exported directory that says what is in it."""

ANSWERS = "answers"
"""The directory of each case into which a program writes what it answers."""

DECLINED = "not-offered"
"""An answer's file, empty: the program does not offer this case."""


def selected(only: Sequence[str], dtypes: Iterable[str]) -> list[tuple[Recipe, str]]:
    """The cases with any of these flags or names, all where there are none, in each dtype that they are told in."""
    every = [(recipe, dtype) for dtype in dtypes for recipe in of_dtype(dtype)]
    return [(recipe, dtype) for recipe, dtype in every if not only or {recipe.name, *recipe.flags} & set(only)]


def export(place: Path, cases: Sequence[tuple[Recipe, str]]) -> None:
    """Write the cases, an index and the description of the format into a directory, which is made where it is missing."""
    for recipe, dtype in cases:
        _write_case(place / dtype / recipe.name, made(recipe, dtype))
    where = [f"{dtype}/{recipe.name}" for recipe, dtype in cases]
    (place / "cases.txt").write_text("".join(f"{line}\n" for line in where), encoding="utf-8", newline="\n")
    known = read("flags.json")["flags"]
    listed = [{"name": recipe.name, "dtype": dtype, "flags": list(recipe.flags)} for recipe, dtype in cases]
    flags = {name: known[name] for recipe, _ in cases for name in recipe.flags}
    index = {"format": FORMAT, "suite": __version__, "cases": listed, "flags": flags}
    (place / INDEX).write_text(text_of(index), encoding="utf-8", newline="\n")
    (place / "README.md").write_text(files(__package__).joinpath("README.md").read_text(encoding="utf-8"), encoding="utf-8")


def _write_case(place: Path, case: Made) -> None:
    for directory in (place / "expected", place / ANSWERS):
        directory.mkdir(parents=True, exist_ok=True)
    inputs, wanted = dict(_inputs(case)), dict(_outputs(case))
    (place / "case.json").write_text(text_of(case_document(case.recipe, case.dtype)), encoding="utf-8", newline="\n")
    (place / "case.txt").write_text(_told(case), encoding="utf-8", newline="\n")
    for name, values in inputs.items():
        (place / f"{name}.bin").write_bytes(little(values))
    for name, one in wanted.items():
        (place / "expected" / f"{name}.bin").write_bytes(little(one.rounded))
    (place / "arrays.npz").write_bytes(_npz(inputs, wanted))


def little(values: Array) -> bytes:
    """The bytes of an array, little-endian, in C order."""
    ordered = np.ascontiguousarray(values)
    return ordered.astype(ordered.dtype.newbyteorder("<")).tobytes() if hasattr(np, values.dtype.name) else ordered.tobytes()


def _inputs(case: Made) -> Iterator[tuple[str, Array]]:
    """Name and values of what a layer is given: parameters and state, and x and dy of each call, counted from 1."""
    yield from ((name, getattr(case.start, name)) for name in ("gamma", "beta", *STATE))
    for number, call in enumerate(case.calls, start=1):
        yield f"x_{number}", call.x
        if call.dy is not None:
            yield f"dy_{number}", call.dy


def _outputs(case: Made) -> Iterator[tuple[str, Expected]]:
    """Name and value of what must come: where the kind of running variance makes a difference, once for each kind."""
    for number, wanted in enumerate(expectations(case), start=1):
        for name, found in wanted.items():
            for kind, one in found.items():
                yield answer_name(name, number, "" if kind == "any" else kind), one


def answer_name(name: str, number: int, kind: str = "") -> str:
    """What the file of an output is called, without its ending: running_var_biased_2 of the second call."""
    return "_".join(word for word in (name, kind, str(number)) if word)


def _told(case: Made) -> str:
    """The case for programs without a reader of JSON: a word and its numbers a line."""
    n, channels, *positions = case.recipe.shape
    lines = [
        f"case {case.name}",
        f"dtype {case.dtype}",
        f"rank {2 + len(positions)}",
        f"samples {n}",
        f"channels {channels}",
        f"positions {case.recipe.m // n}",
        f"shape {' '.join(map(str, case.recipe.shape))}",
        f"eps {case.recipe.eps!r}",
        f"new_batch_weighs {case.recipe.weight!r}",
        f"old_value_weighs {1 - case.recipe.weight!r}",
        f"calls {len(case.calls)}",
    ]
    for number, call in enumerate(case.calls, start=1):
        mode, then = "train" if call.training else "infer", "forward" if call.dy is None else "forward+backward"
        lines.append(f"call {number} {mode} {then}")
    return "\n".join(lines) + "\n"


def _npz(inputs: Mapping[str, Array], wanted: Mapping[str, Expected]) -> bytes:
    """All arrays in one file of NumPy's, without pickles; bfloat16, which NumPy lacks, as the bits."""
    arrays: dict[str, Any] = {name: _storable(values) for name, values in inputs.items()}
    for name, one in wanted.items():
        arrays[f"expected_{name}"] = _storable(one.rounded)
        for grade, limit in one.within.items():
            arrays[f"within_{grade}_{name}"] = np.array([float(bound) for bound in limit]).reshape(one.rounded.shape)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _storable(values: Array) -> Array:
    return values if hasattr(np, values.dtype.name) else values.view("u2")


def index_of(text: str) -> list[tuple[str, str]]:
    """(name, dtype) of the cases that an index lists; ValueError or KeyError where it is none of ours."""
    listed = json.loads(text)["cases"]
    return [(str(one["name"]), str(one["dtype"])) for one in listed]

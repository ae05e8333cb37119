"""The answers that a program wrote beside the golden cases: found by their names, and read as numbers or refused in a sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bnspec.case import Array, dtype_named, parameter_dtype
from bnspec.fixed.catalogue import RECIPES
from bnspec.fixed.parts import GRADIENTS
from bnspec.fixed.recipes import Recipe
from bnspec.fixed.truths import STATE
from bnspec.reading import Unreadable, read_bytes, read_text
from bnspec.reference.vectors.exporting import ANSWERS, DECLINED, INDEX, answer_name, index_of
from bnspec.reference.vectors.making import ELEMENTWISE, FORMAT, KINDS
from bnspec.reports.inert import one_line

LARGEST_INDEX = 4 << 20
"""Bytes of an index: ten times the largest of ours."""

LARGEST_ANSWER = 1 << 16
"""Bytes of one answer: ten times the largest of ours, written as decimals."""

MOST_FILES = 1000
"""Files in the answers of one case that are looked at."""

COMPONENTS = ("y", *STATE, *GRADIENTS)
"""What an answer can be of."""

ENDINGS = (".bin", ".npy", ".txt")
"""How the file of an answer may end: raw little-endian bytes, NumPy's own, decimals."""


class BadResults(ValueError):
    """A directory that cannot be judged; the message is one sentence."""


@dataclass
class Answers:
    """What one case's directory holds.

    values    (component, number of the call from 1) -> what was read, or the sentence why it cannot be
    kinds     the kinds of running variance that names of files say
    declined  the program says that it does not offer this case;  foreign: names of files that are no answers
    """

    recipe: Recipe
    dtype: str
    values: dict[tuple[str, int], Array | str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    declined: bool = False
    foreign: list[str] = field(default_factory=list)


def read_all(place: Path) -> list[Answers]:
    """The answers to every case that the directory's index lists. Raises `BadResults`."""
    return [read_case(place, RECIPES[name], dtype) for name, dtype in _listed(place)]


def _listed(place: Path) -> list[tuple[str, str]]:
    if not place.is_dir():
        raise BadResults(f"there is no directory {place}; give the one that bnspec vectors export wrote")
    index = place / INDEX
    try:
        text = read_text(index, LARGEST_INDEX)
        if f'"{FORMAT}"' not in text:
            raise BadResults(f"{index} is not of the form {FORMAT}; export the cases anew with this bnspec")
        cases = list(dict.fromkeys(index_of(text)))
    except Unreadable as trouble:
        raise BadResults(f"{index} {trouble}; give the directory that bnspec vectors export wrote") from None
    except (ValueError, KeyError, TypeError, RecursionError) as trouble:
        if isinstance(trouble, BadResults):
            raise
        raise BadResults(f"{index} is no index of golden cases; export them anew with this bnspec") from None
    for name, dtype in cases:
        if name not in RECIPES or dtype not in RECIPES[name].dtypes:
            said = one_line(f"{dtype}/{name}", 80)
            raise BadResults(f"{index} lists {said}, which this bnspec does not have; export the cases anew")
    return cases


def read_case(place: Path, recipe: Recipe, dtype: str) -> Answers:
    """What there is of one case. Links are not followed, wherever they stand."""
    found = Answers(recipe, dtype)
    names: dict[str, tuple[str, int, str]] = {}
    for number in range(1, len(recipe.calls) + 1):
        for component in COMPONENTS:
            names |= {answer_name(component, number, kind): (component, number, kind) for kind in ("", *KINDS)}
    folder = place / dtype / recipe.name / ANSWERS
    for file in _files(place, folder):
        stem, ending = Path(file).stem, Path(file).suffix
        if file == DECLINED:
            found.declined = True
        elif stem in names and ending in ENDINGS:
            component, number, kind = names[stem]
            _take(found, component, number, folder / file, kind)
        else:
            found.foreign.append(one_line(f"{dtype}/{recipe.name}/{ANSWERS}/{file}", 120))
    return found


def _files(place: Path, folder: Path) -> list[str]:
    """The names in a case's directory of answers, none where it is missing or a link."""
    for step in (folder.parents[1], folder.parents[0], folder):
        if step.is_symlink():
            raise BadResults(f"{step.relative_to(place)} is a link, and links are not followed; put the answers themselves there")
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [entry.name for entry, _ in zip(entries, range(MOST_FILES), strict=False)]
    return sorted(names)


def _take(found: Answers, component: str, number: int, file: Path, kind: str) -> None:
    if kind:
        found.kinds.add(kind)
    key, told = (component, number), f"{found.dtype}/{found.recipe.name}/{ANSWERS}/{file.name}"
    if key in found.values:
        found.values[key] = f"{told} is a second answer for {component} of call {number}; write one, as .bin, .npy or .txt"
        return
    shape = found.recipe.shape if component in ELEMENTWISE else (found.recipe.shape[1],)
    kept = dtype_named(found.dtype) if component in ELEMENTWISE else parameter_dtype(found.dtype)
    try:
        found.values[key] = READERS[file.suffix](read_bytes(file, LARGEST_ANSWER), shape, kept)
    except (Unreadable, _Unfit) as trouble:
        found.values[key] = f"{told} {trouble}"


class _Unfit(ValueError):
    """Bytes that are not the numbers they should be; the message goes on after the file's name."""


def _raw(content: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    count = int(np.prod(shape))
    if len(content) != count * dtype.itemsize:
        needed = f"{count * dtype.itemsize} bytes, {count} values of {dtype.name} for shape {shape}"
        raise _Unfit(f"has {len(content)} bytes; {needed}, were expected")
    words = np.frombuffer(content, f"<u{dtype.itemsize}").astype(f"=u{dtype.itemsize}")
    return words.view(dtype).reshape(shape)


def _numpy(content: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Nothing is unpickled, and a header is believed only where it says what was expected."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read_header = HEADERS[version]
        found, fortran, kind = read_header(file, max_header_size=1000)
    except (ValueError, TypeError, SyntaxError, KeyError) as trouble:
        raise _Unfit(f"is no array of NumPy's: {one_line(str(trouble), 120)}") from None
    number = kind.kind in "fiu" or (dtype.name == "bfloat16" and kind.itemsize == dtype.itemsize and kind.kind in "uV")
    if found != shape or not number:
        raise _Unfit(f"has shape {one_line(str(found), 60)} and dtype {kind}; {dtype.name} of shape {shape} was expected")
    numbers = content[file.tell() :]
    if len(numbers) != int(np.prod(shape)) * kind.itemsize:
        raise _Unfit(f"has {len(numbers)} bytes of numbers; its header says {int(np.prod(shape)) * kind.itemsize}")
    values = np.frombuffer(numbers, kind).reshape(shape, order="F" if fortran else "C")
    bits = dtype.name == "bfloat16" and kind.itemsize == dtype.itemsize
    return np.ascontiguousarray(values.view("u2").view(dtype) if bits else values)


def _text(content: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    words = content.decode("ascii", "replace").replace(",", " ").split()
    count = int(np.prod(shape))
    if len(words) != count:
        raise _Unfit(f"has {len(words)} numbers; {count} were expected, for shape {shape}")
    try:
        numbers = [float(word) for word in words]
    except ValueError as trouble:
        raise _Unfit(f"holds what is no number: {one_line(str(trouble), 80)}") from None
    with np.errstate(all="ignore"):
        return np.array(numbers).astype(dtype).reshape(shape)


HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""What reads the header of NumPy's files, by their version."""

READERS: Mapping[str, Callable[[bytes, tuple[int, ...], np.dtype[Any]], Array]] = {".bin": _raw, ".npy": _numpy, ".txt": _text}
"""What reads a file of each ending: its bytes, the shape and the dtype that are expected."""


def kind_of(answers: Sequence[Answers]) -> str:
    """The kind of running variance that the names of all answers say, "" where none does. Raises `BadResults` for both kinds."""
    said: dict[str, str] = {}
    for one in answers:
        for kind in one.kinds:
            said.setdefault(kind, f"{one.dtype}/{one.recipe.name}")
    if len(said) > 1:
        both = " and ".join(f"{kind} in {case}" for kind, case in sorted(said.items()))
        raise BadResults(
            f"the answers name two kinds of running variance, {both}; a layer keeps one kind, so name that in every case"
        )
    return next(iter(said), "")

"""Which points a benchmark times, and in which regimes it looks at accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from bnspec.case import dtype_named
from bnspec.plugs.workload import OPERATIONS, TRAFFIC
from bnspec.properties.strategies import CANCELLING, SCALES
from bnspec.reports.bench import Point

Shape = tuple[int, ...]

SMALL, MIDDLE, LARGE = (32, 64), (64, 64, 32, 32), (64, 256, 56, 56)
"""A layer between dense ones, one of a small network for images, and the first block of a ResNet-50."""

SHAPES = {
    "quick": (SMALL, MIDDLE),
    "standard": (SMALL, (256, 1024), (32, 128, 28, 28), MIDDLE, LARGE),
}
"""What each profile times in float32, contiguous, with one thread."""

SWEEP: dict[str, tuple[Shape, ...]] = {
    "quick": ((64, 64, 4, 4),),
    "standard": ((4, 64), (32, 64, 2, 2), (64, 64, 4, 4), (64, 64, 8, 8), (64, 64, 16, 16), (128, 64, 64, 64)),
}
"""Further sizes with the same 64 channels, for the growth with size: from 256 to 33 million numbers."""

VARIATIONS = {
    "quick": (),
    "standard": (
        {"dtype": "float64"},
        {"dtype": "float16"},
        {"dtype": "bfloat16"},
        {"layout": "channels_last"},
        {"layout": "strided"},
        {"threads": 2},
    ),
}
"""What is changed, one thing at a time, at the shape `MIDDLE`."""

ROUNDS = {"quick": 9, "standard": 15}
"""How often each is timed, one after the other."""

SAMPLE = {"quick": 10e-3, "standard": 40e-3}
"""Seconds that the calls of one value take together, or one call where that takes longer."""

ARRAYS, KEPT = 10, 4
"""Arrays of the size of x that the process whose turn it is may hold beside the bytes it copies (pool, inputs, and what a plain
NumPy layer keeps and makes), and that each other keeps meanwhile."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for beyond the profile; empty: the profile's own."""

    profile: str = "quick"
    shapes: tuple[Shape, ...] = ()
    dtypes: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    operations: tuple[str, ...] = OPERATIONS


def points(wanted: Wanted) -> list[Point]:
    """The points to time, each once, threads and dtypes together: processes are started, and inputs made, as seldom as can be."""
    found = dict.fromkeys(_given(wanted) if _is_given(wanted) else _usual(wanted))
    return sorted(found, key=lambda point: (point.threads, point.dtype != "float32", point.dtype))


def _is_given(wanted: Wanted) -> bool:
    return bool(wanted.shapes or wanted.dtypes or wanted.layouts or wanted.threads)


def _given(wanted: Wanted) -> Iterator[Point]:
    """Everything with everything."""
    shapes, dtypes = wanted.shapes or SHAPES[wanted.profile], wanted.dtypes or ("float32",)
    layouts, threads = wanted.layouts or ("contiguous",), wanted.threads or (1,)
    for count, dtype, layout, shape, operation in product(threads, dtypes, layouts, shapes, wanted.operations):
        yield Point(operation=operation, shape=shape, dtype=dtype, layout=layout, threads=count)


def _usual(wanted: Wanted) -> Iterator[Point]:
    """The profile's shapes and sizes, and its variations of the middle one."""
    for shape in sorted((*SHAPES[wanted.profile], *SWEEP[wanted.profile]), key=lambda shape: (len(shape) > 2, shape)):
        yield from (Point(operation=operation, shape=shape) for operation in wanted.operations)
    for changes in VARIATIONS[wanted.profile]:
        for operation in wanted.operations:
            yield Point(operation=operation, shape=MIDDLE, **changes)


def needed(point: Point, processes: int) -> int:
    """Bytes that timing a point may take, with so many processes that keep what they have."""
    arrays = ARRAYS + KEPT * (processes - 1) + TRAFFIC[point.operation] * processes
    return arrays * point.size * dtype_named(point.dtype).itemsize


def shape_named(words: str) -> Shape:
    """The shape in 64x64x32x32; raises ValueError, with a sentence, for what is none."""
    sizes = words.split("x")
    if not 2 <= len(sizes) <= 5 or not all(size.isdecimal() and int(size) for size in sizes):
        raise ValueError(f"--shape takes two to five sizes above zero, as 64x64x32x32; got {words!r}")
    return tuple(map(int, sizes))


@dataclass(frozen=True)
class Regime:
    """Inputs of one kind, on which a layer is as accurate as its algorithm is good."""

    name: str
    shape: Shape
    mean: float
    std: float


def regimes(dtype: str) -> Sequence[Regime]:
    """The regimes in which accuracy is looked at, in a dtype."""
    usual, many = (32, 16, 8, 8), (2048, 4, 8, 8)
    return (
        Regime("ordinary", usual, 0.5, 1.0),
        Regime("far from zero", usual, CANCELLING[dtype][0], 1.0),
        Regime("small beside eps", usual, 0.0, 2.0**-10),
        Regime("large", usual, 0.0, SCALES[dtype]),
        Regime("many values", many, 0.5, 1.0),
    )

"""Cases: checked once, and taken apart into columns without losing a value."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from bnspec.case import LAYOUTS, BadCase, Case, dtype_named, from_columns, parameter_dtype, to_columns

SHAPES_AND_AXES = [
    (shape, axis) for shape in ((4, 3), (2, 3, 4), (2, 3, 1, 4), (2, 1, 3, 2, 4)) for axis in range(-len(shape), len(shape))
]


def case(**changes: Any) -> Case:
    one = np.ones(3)
    fields: dict[str, Any] = {"x": np.zeros((4, 3)), "gamma": one, "beta": one, "running_mean": one, "running_var": one}
    return Case(**{**fields, **changes})


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
def test_columns_hold_the_values_of_one_channel_each_in_order_and_lead_back(shape: tuple[int, ...], axis: int) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    wanted: dict[int, list[int]] = {}
    for index in np.ndindex(shape):
        wanted.setdefault(index[axis], []).append(int(x[index]))
    columns = to_columns(x, axis)
    assert columns.T.tolist() == list(wanted.values())
    back = from_columns(columns, shape, axis)
    assert np.array_equal(back, x)
    assert back.flags.c_contiguous


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
def test_a_case_knows_its_channels_and_values_a_channel(shape: tuple[int, ...], axis: int) -> None:
    parameter = np.ones(shape[axis])
    found = Case(np.zeros(shape, np.float32), parameter, parameter, parameter, parameter, channel_axis=axis)
    assert (found.channels, found.m, found.dtype) == (shape[axis], found.x.size // shape[axis], "float32")
    assert found.columns(found.x).dtype == np.float64


def test_a_case_without_values_or_channels_has_m_0() -> None:
    none = np.ones(0)
    assert case(x=np.zeros((0, 3))).m == 0
    assert case(x=np.zeros((4, 0)), gamma=none, beta=none, running_mean=none, running_var=none).m == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x": np.zeros(3)}, "x needs at least 2 axes, one of them channel axis 1; its shape is (3,)"),
        ({"channel_axis": 2}, "x needs at least 2 axes, one of them channel axis 2; its shape is (4, 3)"),
        ({"channel_axis": -3}, "x needs at least 2 axes, one of them channel axis -3; its shape is (4, 3)"),
        ({"beta": np.ones(4)}, "beta must have shape (3,), one value a channel of x (4, 3); got (4,)"),
        ({"gamma": np.ones((1, 3))}, "gamma must have shape (3,), one value a channel of x (4, 3); got (1, 3)"),
        ({"running_var": np.array(1.0)}, "running_var must have shape (3,), one value a channel of x (4, 3); got ()"),
        ({"dy": np.ones((4, 4))}, "dy must be shaped as x (4, 3); got (4, 4)"),
        ({"eps": -1e-5}, "eps must be zero or more; got -1e-05"),
        ({"eps": float("nan")}, "eps must be zero or more; got nan"),
        ({"layout": "sparse"}, f"layout must be one of {', '.join(LAYOUTS)}; got 'sparse'"),
    ],
)
def test_pieces_that_do_not_fit_are_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadCase) as refused:
        case(**changes)
    assert str(refused.value) == sentence
    with pytest.raises(BadCase):
        case().replace(**changes)


def test_replacing_leaves_the_old_case_and_the_other_fields() -> None:
    old = case()
    new = old.replace(eps=0.5)
    assert (old.eps, new.eps, new.gamma is old.gamma) == (1e-5, 0.5, True)


def test_parameters_accompany_half_types_in_float32() -> None:
    names = ("float16", "bfloat16", "float32", "float64")
    assert [parameter_dtype(name).name for name in names] == ["float32", "float32", "float32", "float64"]


def test_bfloat16_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(TypeError, match=r"bfloat16 needs the package ml_dtypes: pip install 'bnspec\[bfloat16\]'"):
        dtype_named("bfloat16")
    assert dtype_named("float16").name == "float16"


def test_no_dtype_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        dtype_named("float8")

"""What the bounds know of each dtype is what NumPy says of it, and ml_dtypes of bfloat16."""

from __future__ import annotations

import numpy as np
import pytest

from bnspec.bounds_scalars import FORMATS, ORACLE_UNIT
from bnspec.columns import SIGNIFICANT_BITS


def described(dtype: str) -> np.finfo:  # type: ignore[type-arg]
    if dtype == "bfloat16":
        package = pytest.importorskip("ml_dtypes")
        return package.finfo(package.bfloat16)  # type: ignore[no-any-return]
    return np.finfo(dtype)


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_format_is_what_its_package_says(dtype: str) -> None:
    wanted, got = described(dtype), FORMATS[dtype]
    assert got.unit == float(wanted.eps) / 2
    assert (got.subnormal, got.normal) == (float(wanted.smallest_subnormal), float(wanted.smallest_normal))
    assert got.largest == float(wanted.max)


def test_exact_values_are_handed_over_in_float64() -> None:
    assert FORMATS["float64"].unit == ORACLE_UNIT


@pytest.mark.parametrize("dtype", FORMATS)
def test_significands_have_room(dtype: str) -> None:
    assert 1 + described(dtype).nmant <= SIGNIFICANT_BITS[described(dtype).bits // 8]

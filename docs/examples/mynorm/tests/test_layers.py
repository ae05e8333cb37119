"""The tests of mynorm: its own, and the laws of Batch Normalization."""

from pathlib import Path

import bnspec
import numpy as np

from mynorm import BatchNorm

KNOWN = Path(__file__).parent.parent / "known-deviations.toml"

test_batchnorm = bnspec.conformance(BatchNorm, returns="dx, dbeta, dgamma", expect=KNOWN)


@bnspec.conformance(only="forward", dtypes="float64")
def test_without_a_backward():
    """What is asked is made when it is wanted."""

    class Frozen(BatchNorm):
        backward = None

    return Frozen


def test_a_layer_starts_as_the_identity_but_for_eps():
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    assert np.allclose(BatchNorm(3).forward(x, training=False), x, rtol=1e-4)

"""Chainer: variables around arrays, and gradients by chainer.grad."""

import collections
import collections.abc
from typing import Any

import numpy as np

for _name in ("Iterable", "Mapping", "MutableMapping", "Sequence", "Callable"):
    setattr(collections, _name, getattr(collections.abc, _name))  # where Chainer 7 looks for them, and Python 3.9 had them

import chainer  # noqa: E402


class Chainer:
    """The three functions."""

    def tensor(self, array: Any) -> Any:
        """A variable around a copy."""
        return chainer.Variable(np.array(array))

    def numpy(self, tensor: Any) -> Any:
        """A copy of what a variable, or a parameter that is no variable, holds."""
        return np.array(getattr(tensor, "array", tensor))

    def backward(self, y: Any, dy: Any, wanted: Any) -> Any:
        """The gradients."""
        return chainer.grad([y], wanted, [dy])

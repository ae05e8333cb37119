"""tinygrad: lazy tensors, and gradients by Tensor.gradient."""

from typing import Any

import numpy as np
from tinygrad import Tensor, dtypes


class Tinygrad:
    """The three functions."""

    def tensor(self, array: Any) -> Any:
        """A tensor of a copy; NumPy's bfloat16 goes over as its bits."""
        if array.dtype.name == "bfloat16":
            return Tensor(np.ascontiguousarray(array).view(np.uint16)).bitcast(dtypes.bfloat16).realize()
        return Tensor(np.array(array, order="C")).realize()

    def numpy(self, tensor: Any) -> Any:
        """A copy as an array, computed now."""
        if tensor.dtype == dtypes.bfloat16:
            import ml_dtypes

            return tensor.bitcast(dtypes.uint16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy().copy()

    def vjp(self, function: Any, wanted: Any) -> Any:
        """The answer, and how it is derived: by another graph, when that is asked for, since what is computed forgets its own."""

        def derived(dy: Any) -> Any:
            return [part.realize() for part in function(*wanted)[0].gradient(*wanted, gradient=dy)]

        return function(*wanted), derived

"""TensorFlow: tensors and variables, and gradients by a tape, which must run while y is computed."""

from typing import Any

import numpy as np
import tensorflow as tf


class TensorFlow:
    """The three functions."""

    def tensor(self, array: Any) -> Any:
        """A copy; bfloat16 is that of ml_dtypes on both sides."""
        return tf.constant(np.array(array, order="C"))

    def numpy(self, tensor: Any) -> Any:
        """A copy as an array."""
        return np.array(tensor)

    def vjp(self, function: Any, wanted: Any) -> Any:
        """The answer, and how the tape derives it, as often as that is asked for."""
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(wanted)
            y, state = function(*wanted)
        return (y, state), lambda dy: tape.gradient(y, wanted, output_gradients=dy)

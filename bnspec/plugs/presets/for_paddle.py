"""PaddlePaddle: tensors, and gradients by paddle.grad."""

from typing import Any

import numpy as np
import paddle

paddle.set_device("cpu")


class Paddle:
    """The three functions."""

    def tensor(self, array: Any) -> Any:
        """A copy that gradients can be asked of."""
        if array.dtype.name == "bfloat16":
            raise NotImplementedError("bfloat16 is not handed over")
        tensor = paddle.to_tensor(np.array(array, order="C"))
        tensor.stop_gradient = False
        return tensor

    def numpy(self, tensor: Any) -> Any:
        """A copy as an array."""
        return tensor.detach().numpy().copy()

    def backward(self, y: Any, dy: Any, wanted: Any) -> Any:
        """The gradients, and the graph stays for another time."""
        return paddle.grad([y], wanted, [dy.detach()], retain_graph=True)

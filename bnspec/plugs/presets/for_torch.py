"""PyTorch: tensors, and gradients by torch.autograd."""

from typing import Any

import numpy as np
import torch

torch.set_num_threads(1)  # cases are small: faster so, and the same bits every time


class Torch:
    """The three functions."""

    def tensor(self, array: Any) -> Any:
        """A copy that gradients can be asked of; NumPy's bfloat16 goes over as its bits."""
        copy = np.array(array)
        if copy.dtype.name == "bfloat16":
            tensor = torch.from_numpy(copy.view(np.int16)).view(torch.bfloat16)
        else:
            tensor = torch.from_numpy(copy)
        return tensor.requires_grad_(tensor.is_floating_point())

    def numpy(self, tensor: Any) -> Any:
        """A copy as an array."""
        if tensor.dtype is torch.bfloat16:
            import ml_dtypes

            return np.array(tensor.detach().view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
        return np.array(tensor.detach().numpy())

    def backward(self, y: Any, dy: Any, wanted: Any) -> Any:
        """The gradients, and the graph stays for another time."""
        return torch.autograd.grad(y, wanted, dy.detach().to(y.dtype), retain_graph=True)

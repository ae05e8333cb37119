"""NumPy itself, for what runs on it under a framework's name: there is nothing to convert, and nothing is derived."""

from typing import Any

import numpy as np


class Numpy:
    """Two functions; layers have no backward."""

    derives = False

    def tensor(self, array: Any) -> Any:
        """A copy."""
        return np.array(array)

    def numpy(self, tensor: Any) -> Any:
        """A copy."""
        return np.array(tensor)

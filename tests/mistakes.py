"""A right BatchNorm as text, and one-line mistakes in it: what a student's file looks like on a bad day."""

RIGHT = """
import numpy as np


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.eps = eps
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.training = True

    def forward(self, x, training=True):
        self.shape = (1, -1) + (1,) * (x.ndim - 2)
        self.axes = (0,) + tuple(range(2, x.ndim))
        self.n = x.size // x.shape[1]
        self.mode = training
        if training:
            mean = x.mean(self.axes)
            centered = x - mean.reshape(self.shape)
            var = (centered * centered).mean(self.axes)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var * (self.n / max(self.n - 1, 1))
        else:
            mean, var = self.running_mean, self.running_var
            centered = x - mean.reshape(self.shape)
        self.inv_std = 1 / np.sqrt(var + self.eps).reshape(self.shape)
        self.x_hat = centered * self.inv_std
        return self.gamma.reshape(self.shape) * self.x_hat + self.beta.reshape(self.shape)

    def backward(self, dy):
        self.dbeta = dy.sum(self.axes)
        self.dgamma = (dy * self.x_hat).sum(self.axes)
        scale = self.gamma.reshape(self.shape) * self.inv_std
        if not self.mode:
            return scale * dy, self.dgamma, self.dbeta
        dx = dy - (self.dbeta / self.n).reshape(self.shape) - self.x_hat * (self.dgamma / self.n).reshape(self.shape)
        return scale * dx, self.dgamma, self.dbeta

    def get_state(self):
        return {name: getattr(self, name).copy() for name in ("gamma", "beta", "running_mean", "running_var")}

    def set_state(self, state):
        for name, values in state.items():
            setattr(self, name, values.copy())
"""

VAR = "var = (centered * centered).mean(self.axes)"
ROOT = "self.inv_std = 1 / np.sqrt(var + self.eps).reshape(self.shape)"
RUN_MEAN = "self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean"
RUN_VAR = "self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var * (self.n / max(self.n - 1, 1))"
Y = "return self.gamma.reshape(self.shape) * self.x_hat + self.beta.reshape(self.shape)"
DX = "dx = dy - (self.dbeta / self.n).reshape(self.shape) - self.x_hat * (self.dgamma / self.n).reshape(self.shape)"
DGAMMA = "self.dgamma = (dy * self.x_hat).sum(self.axes)"
DBETA = "self.dbeta = dy.sum(self.axes)"

MISTAKES = {
    "eps outside the root": (ROOT, "self.inv_std = 1 / (np.sqrt(var) + self.eps).reshape(self.shape)"),
    "eps missing": (ROOT, "self.inv_std = 1 / np.sqrt(var + 1e-30).reshape(self.shape)"),
    "eps missing in inference": (ROOT, "self.inv_std = 1 / np.sqrt(var + self.eps * training).reshape(self.shape)"),
    "eps squared": (ROOT, "self.inv_std = 1 / np.sqrt(var + self.eps**2).reshape(self.shape)"),
    "eps fixed": (ROOT, "self.inv_std = 1 / np.sqrt(var + 1e-5).reshape(self.shape)"),
    "no root": (ROOT, "self.inv_std = 1 / (var + self.eps).reshape(self.shape)"),
    "unbiased variance in the output": (VAR, "var = (centered * centered).sum(self.axes) / max(self.n - 1, 1)"),
    "one-pass variance": (VAR, "var = np.maximum((x * x).mean(self.axes) - mean * mean, 0)"),
    "statistics over the batch axis alone": (
        "centered = x - mean.reshape(self.shape)\n            var",
        "centered = x - x.mean(0)\n            var",
    ),
    "one mean for all channels": ("mean = x.mean(self.axes)", "mean = np.full(x.shape[1], x.mean(), x.dtype)"),
    "beta lost": (Y, "return self.gamma.reshape(self.shape) * self.x_hat"),
    "gamma's absolute value": (Y, Y.replace("self.gamma", "np.abs(self.gamma)")),
    "gamma and beta exchanged": (Y, "return self.beta.reshape(self.shape) * self.x_hat + self.gamma.reshape(self.shape)"),
    "running mean never updated": (RUN_MEAN, "pass"),
    "running variance never updated": (RUN_VAR, "pass"),
    "momentum swapped for the variance": (
        RUN_VAR,
        RUN_VAR.replace("(1 - self.momentum) *", "self.momentum *", 1).replace("+ self.momentum *", "+ (1 - self.momentum) *"),
    ),
    "running standard deviation": (RUN_VAR, RUN_VAR.replace("* var *", "* np.sqrt(var) *")),
    "eps in the running variance": (RUN_VAR, RUN_VAR.replace("* var *", "* (var + self.eps) *")),
    "Bessel with the batch count": (RUN_VAR, RUN_VAR.replace("(self.n / max(self.n - 1, 1))", "(len(x) / max(len(x) - 1, 1))")),
    "update in inference": (
        "mean, var = self.running_mean, self.running_var",
        "mean, var = self.running_mean, self.running_var; self.running_mean = self.running_mean * 0.9 + 0.1 * x.mean(self.axes)",
    ),
    "batch statistics in inference": (
        "mean, var = self.running_mean, self.running_var",
        "mean, var = x.mean(self.axes), x.var(self.axes)",
    ),
    "training normalizes with the running statistics": (ROOT, "var = self.running_var\n        " + ROOT),
    "dx without the mean term": (DX, DX.replace("- (self.dbeta / self.n).reshape(self.shape) ", "")),
    "dx without the variance term": (DX, "dx = dy - (self.dbeta / self.n).reshape(self.shape)"),
    "dx with n - 1": (DX, DX.replace("self.n)", "max(self.n - 1, 1))")),
    "dx without gamma": ("scale = self.gamma.reshape(self.shape) * self.inv_std", "scale = self.inv_std"),
    "dx with sums for means": (DX, DX.replace(" / self.n", "")),
    "dgamma from x": (DGAMMA, "self.dgamma = (dy * (self.x_hat / self.inv_std)).sum(self.axes)"),
    "dgamma averaged": (DGAMMA, DGAMMA.replace(".sum(", ".mean(")),
    "dbeta averaged": (DBETA, DBETA.replace(".sum(", ".mean(")),
    "dbeta with gamma": (DBETA, "self.dbeta = (self.gamma.reshape(self.shape) * dy).sum(self.axes)"),
    "gradients accumulate": (DGAMMA, "self.dgamma = (dy * self.x_hat).sum(self.axes) + getattr(self, 'dgamma', 0)"),
    "x changed in place": ("mean = x.mean(self.axes)", "mean = x.mean(self.axes); x += 1e-3"),
    "tail of the batch dropped": ("mean = x.mean(self.axes)", "mean = x[: max(len(x) // 4 * 4, 1)].mean(self.axes)"),
    "float32 inside": ("mean = x.mean(self.axes)", "x = x.astype(np.float32).astype(x.dtype); mean = x.mean(self.axes)"),
}
"""Name -> (the right line, the wrong one)."""


def source(name: str) -> str:
    """The text of a file with the mistake of this name in it."""
    right, wrong = MISTAKES[name]
    if right not in RIGHT:
        raise KeyError(f"the right line of {name!r} is not in the right file")
    return RIGHT.replace(right, wrong, 1)

"""NumPy BatchNorm classes as texts: the same arithmetic in the shapes in which people write it down."""

from __future__ import annotations

ARITHMETIC = """
import numpy as np

def axes_of(x):
    return (0,) if x.ndim == 2 else (0, 2, 3)

def start(C, dtype=float):
    return np.ones(C, dtype), np.zeros(C, dtype), np.zeros(C, dtype), np.ones(C, dtype)

def normal(x, mean, var, eps):
    return (x - mean) / np.sqrt(var + eps)

def step(old, new, keep):
    return keep * np.asarray(old) + (1 - keep) * new

def gradients(dy, x_hat, gamma, inv_std):
    dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)
    return gamma * inv_std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy)), dgamma, dbeta
"""
"""What the classes below share: they differ in how they are called and where they keep things."""

PLAIN_STATE = """
        self.gamma, self.beta, self.running_mean, self.running_var = start({size})
"""

TRAIN_OR_INFER = """
        if {training}:
            mean, var = x.mean(0), x.var(0)
            self.running_mean = step(self.running_mean, mean, {momentum})
            self.running_var = step(self.running_var, var, {momentum})
        else:
            mean, var = np.asarray(self.running_mean), np.asarray(self.running_var)
        self.inv_std = 1 / np.sqrt(var + {eps})
        self.x_hat = normal(x, mean, var, {eps})
        return self.gamma * self.x_hat + self.beta
"""


def written(
    head: str = "num_features, momentum=0.9, eps=1e-5",
    init: str = "self.momentum, self.eps = momentum, eps",
    flag: str = ", training=True",
    training: str = "training",
    forward: str = "forward",
    size: str = "num_features",
    more: str = "",
    eps: str = "self.eps",
    momentum: str = "self.momentum",
) -> str:
    """The text of a class that differs from the most common one in what is said."""
    body = TRAIN_OR_INFER.format(training=training, eps=eps, momentum=momentum)
    state = PLAIN_STATE.format(size=size)
    methods = f"    def __init__(self, {head}):\n        {init}{state}\n    def {forward}(self, x{flag}):{body}{more}"
    return f"{ARITHMETIC}\nclass BatchNorm:\n{methods}"


DX_ONLY = """
    def backward(self, dy):
        dx, self.{dgamma}, self.{dbeta} = gradients(dy, self.x_hat, self.gamma, self.inv_std)
        return dx
"""

TRIPLE = """
    def backward(self, dout):
        return gradients(dout, self.x_hat, self.gamma, self.inv_std)
"""

MODES = """
    def {train}(self):
        self.on = True
    def {infer}(self):
        self.on = False
"""

SHAPES = {
    "boolean flag": written(more=DX_ONLY.format(dgamma="dgamma", dbeta="dbeta")),
    "train_flg": written(flag=", train_flg=True", training="train_flg", more=DX_ONLY.format(dgamma="d_gamma", dbeta="d_beta")),
    "flag without default": written(flag=", is_training", training="is_training", more=TRIPLE),
    "keyword-only flag": written(flag=", *, train", training="train", more=TRIPLE),
    "inverted flag": written(flag=", eval=False", training="not eval", more=DX_ONLY.format(dgamma="dLdgamma", dbeta="dLdbeta")),
    "is_test": written(flag=", is_test=False", training="not is_test", more=DX_ONLY.format(dgamma="grad_gamma", dbeta="grad_beta")),
    "mode word": written(flag=", mode='train'", training="mode == 'train'", more=TRIPLE),
    "other mode words": written(flag=", phase='TRAIN'", training="{'TRAIN': 1, 'EVAL': 0}[phase]", more=TRIPLE),
    "mode flag": written(flag=", mode=True", training="mode"),
    "attribute": written(init="self.momentum, self.eps, self.training = momentum, eps, True", flag="", training="self.training"),
    "inverted attribute": written(
        init="self.momentum, self.eps, self.is_test = momentum, eps, False", flag="", training="not self.is_test"
    ),
    "mode attribute": written(
        init="self.momentum, self.eps, self.mode = momentum, eps, 'train'", flag="", training="self.mode == 'train'"
    ),
    "methods": written(flag="", training="self.on", more=MODES.format(train="train", infer="eval") + TRIPLE),
    "train(x) beside an attribute": written(
        init="self.momentum, self.eps, self.training = momentum, eps, True",
        flag="",
        training="self.training",
        more="\n    def train(self, x, y):\n        pass\n",
    ),
    "train(False)": written(flag="", training="self.on", more="\n    def train(self, on=True):\n        self.on = on\n"),
    "called": written(forward="__call__", more=TRIPLE),
    "other names": written("n_channels, decay=0.9, epsilon=1e-5", "self.momentum, self.eps = decay, epsilon", size="n_channels"),
    "strange size": written(head="how_many, momentum=0.9, eps=1e-5", size="how_many"),
    "shape": written(head="input_shape, momentum=0.9, eps=1e-5", size="*input_shape"),
    "momentum first": written(head="momentum, eps, C", size="C"),
    "set as attributes": written("size", "self.momentum, self.eps = 0.9, 1e-5", size="size", more=TRIPLE),
    "noise": written(more=TRIPLE.replace("return", "print('backward'); return")),
}
"""One class a way of being called."""

SHAPES["renamed state"] = (
    SHAPES["boolean flag"]
    .replace("running_mean", "moving_mean")
    .replace("running_var", "moving_variance")
    .replace("self.gamma", "self._weight")
)
SHAPES["row state"] = (
    SHAPES["flag without default"]
    .replace("start(num_features)", "start((1, num_features))")
    .replace("(dy * x_hat).sum(0), dy.sum(0)", "(dy * x_hat).sum(0, keepdims=True), dy.sum(0, keepdims=True)")
)
SHAPES["list state"] = written(
    init="self.momentum, self.eps = momentum, eps", more="\n    def unused(self):\n        pass\n"
).replace("start(num_features)", "[a.tolist() for a in start(num_features)]")
SHAPES["dict state"] = (
    SHAPES["boolean flag"]
    .replace(
        "self.gamma, self.beta, self.running_mean",
        "self.params, self.grads = {}, {}\n        self.gamma, self.beta, self.running_mean",
    )
    .replace("self.gamma", "self.params['gamma']")
    .replace("self.beta", "self.params['beta']")
    .replace("self.dgamma", "self.grads['gamma']")
    .replace("self.dbeta", "self.grads['beta']")
)
SHAPES["parameter objects"] = (
    SHAPES["boolean flag"]
    .replace(
        "class BatchNorm", "class Parameter:\n    def __init__(self):\n        self.data = self.grad = None\n\nclass BatchNorm"
    )
    .replace("self.momentum, self.eps =", "self.gamma, self.beta = Parameter(), Parameter()\n        self.momentum, self.eps =")
    .replace("self.gamma, self.beta, self.running_mean", "self.gamma.data, self.beta.data, self.running_mean")
    .replace("self.gamma *", "self.gamma.data *")
    .replace("+ self.beta\n", "+ self.beta.data\n")
    .replace("self.x_hat, self.gamma,", "self.x_hat, self.gamma.data,")
    .replace("self.dgamma, self.dbeta", "self.gamma.grad, self.beta.grad")
)
SHAPES["parameters given"] = written(
    "gamma, beta, momentum=0.9, eps=1e-5, running_mean=None, running_var=None", size="len(gamma)", more=TRIPLE
).replace(
    "self.gamma, self.beta, self.running_mean, self.running_var = start(len(gamma))",
    "self.gamma, self.beta, self.running_mean, self.running_var = gamma, beta, running_mean, running_var",
)
SHAPES["started by the first call"] = SHAPES["boolean flag"].replace("start(num_features)", "None, None, None, None")

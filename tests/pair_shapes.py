"""BatchNorms made of functions, as texts: the same arithmetic in the shapes in which people write it down."""

from __future__ import annotations

from textwrap import indent

HEAD = "import numpy as np\n"

BODY = """
    if {training}:
        mean, var = x.mean(0), x.var(0)
        {mean} = {momentum} * {mean} + (1 - {momentum}) * mean
        {var} = {momentum} * {var} + (1 - {momentum}) * var
    else:
        mean, var = {mean}, {var}
    inv_std = 1 / np.sqrt(var + {eps})
    x_hat = (x - mean) * inv_std
    out = gamma * x_hat + beta
"""

GRADIENTS = """
    dgamma, dbeta = (dout * x_hat).sum(0), dout.sum(0)
    dx = gamma * inv_std * (dout - dbeta / len(dout) - x_hat * dgamma / len(dout))
"""

CACHE = "(x_hat, inv_std, gamma)"

BACKWARD = """
def {name}(dout, cache):
    x_hat, inv_std, gamma = cache"""


def forward(
    head: str,
    returned: str,
    training: str = "training",
    mean: str = "running_mean",
    var: str = "running_var",
    momentum: str = "momentum",
    eps: str = "eps",
    before: str = "",
    after: str = "",
) -> str:
    """The text of a forward function that differs from the most common one in what is said."""
    body = BODY.format(training=training, mean=mean, var=var, momentum=momentum, eps=eps)
    return f"{HEAD}\ndef {head}:{before}{body}{after}    return {returned}\n"


def backward(name: str, returned: str = "dx, dgamma, dbeta", opened: str = BACKWARD) -> str:
    """The text of a backward function."""
    return f"{opened.format(name=name)}{GRADIENTS}    return {returned}\n"


FROM_DICT = """
    mode, eps, momentum = bn_param["mode"], bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1], x.dtype))
    running_var = bn_param.get("running_var", np.zeros(x.shape[1], x.dtype))"""

INTO_DICT = """    bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var
    cache = (x_hat, inv_std, gamma) if mode == "train" else None
"""

COURSE = forward(
    "batchnorm_forward(x, gamma, beta, bn_param)", "out, cache", 'mode == "train"', before=FROM_DICT, after=INTO_DICT
) + backward("batchnorm_backward")
"""A pair in a course's style: settings, mode and running statistics in one dict."""

EXTENDED = """
def batchnorm_backward_alt(dout, cache):
    raise RuntimeError("the exact counterpart is meant")

def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    out, cache = batchnorm_forward(x.transpose(0, 2, 3, 1).reshape(-1, C), gamma, beta, bn_param)
    return out.reshape(N, H, W, C).transpose(0, 3, 1, 2), cache

def spatial_batchnorm_backward(dout, cache):
    N, C, H, W = dout.shape
    dx, dgamma, dbeta = batchnorm_backward(dout.transpose(0, 2, 3, 1).reshape(-1, C), cache)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta

def layernorm_forward(x, gamma, beta, ln_param):
    return x, None

def layernorm_backward(dout, cache):
    return dout, None, None

def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)

def affine_backward(dout, cache):
    return dout, None, None
"""
"""What else stands in such a file."""

SPLIT = (
    "\ndef bn_forward_inference(x, mean, var, gamma, beta, eps=1e-5):\n    return gamma * (x - mean) / np.sqrt(var + eps) + beta\n"
)
"""An inference of its own, whose arguments have other names."""

COPIES = "    new_mean, new_var = running_mean.copy(), running_var.copy()\n"

ARGUMENTS = "x, gamma, beta, running_mean, running_var, training=True, momentum=0.9, eps=1e-5"
IN_PLACE = {"mean": "running_mean[:]", "var": "running_var[:]"}

PAIRS = {
    "settings in a dict": COURSE,
    "statistics returned": forward(f"batch_norm({ARGUMENTS})", "out, running_mean, running_var"),
    "statistics returned last": forward(f"bn_fwd({ARGUMENTS})", f"out, {CACHE}, running_mean, running_var") + backward("bn_bwd"),
    "new names": forward(f"bn_forward({ARGUMENTS})", "out, new_mean, new_var", after=COPIES),
    "in place": forward(f"bn_forward({ARGUMENTS})", f"out, {CACHE}", **IN_PLACE) + backward("bn_backward"),
    "in place, batch statistics returned": forward(f"bn_forward({ARGUMENTS})", "out, mean, var", **IN_PLACE),
    "out alone": forward(f"batchnorm({ARGUMENTS})", "out", **IN_PLACE),
    "x not first": forward(
        "batchnorm(is_training, gamma, beta, x, moving_mean, moving_var, eps, momentum)",
        "out, moving_mean, moving_var",
        "is_training",
        "moving_mean",
        "moving_var",
    ),
    "inverted flag": forward(
        f"bn_forward({ARGUMENTS.replace('training=True', 'is_test=False')})", "out", "not is_test", **IN_PLACE
    ),
    "mode word": forward(f"bn_forward({ARGUMENTS.replace('training=True', 'mode')})", "out", "mode == 'TRAIN'", **IN_PLACE),
    "camel case": forward(
        "batchNormForward(x, gamma, beta, runningMean, runningVar, isTraining, momentum=0.9, eps=1e-5)",
        f"out, {CACHE}, runningMean, runningVar",
        "isTraining",
        "runningMean",
        "runningVar",
    )
    + backward("batchNormBackward"),
    "flag in the dict": COURSE.replace('bn_param["mode"]', 'bn_param["training"]').replace('mode == "train"', "mode"),
    "entries that must be there": COURSE.replace('bn_param.get("eps", 1e-5)', 'bn_param["eps"]').replace(
        'bn_param.get("running_mean", np.zeros(x.shape[1], x.dtype))', 'bn_param["running_mean"]'
    ),
    "cache in training only": COURSE.replace("    return out, cache\n", "    return (out, cache) if mode == 'train' else out\n"),
    "two dicts": forward(
        "batchnorm(params, state, x, training, momentum=0.9, eps=1e-5)",
        "out, {'running_mean': running_mean, 'running_var': running_var}",
        before="\n    gamma, beta = params['gamma'], params['beta']"
        "\n    running_mean, running_var = state['running_mean'], state['running_var']",
    ),
    "named cache": forward(f"bn_forward({ARGUMENTS})", "out, x_hat, inv_std", **IN_PLACE)
    + backward("bn_backward", opened="\ndef {name}(dout, x_hat, inv_std, gamma):"),
    "dict of gradients": forward(f"bn_forward({ARGUMENTS})", f"out, {CACHE}", **IN_PLACE)
    + backward("bn_backward", "{'dgamma': dgamma, 'dx': dx, 'dbeta': dbeta}"),
    "dx and a dict": forward(f"bn_forward({ARGUMENTS})", f"out, {CACHE}", **IN_PLACE)
    + backward("bn_backward", "dx, {'beta_grad': dbeta, 'gamma_grad': dgamma}"),
    "dout second": forward(f"bn_forward({ARGUMENTS})", f"out, {CACHE}", **IN_PLACE)
    + backward("bn_backward").replace("(dout, cache)", "(cache, dout)"),
    "inference apart": forward(f"bn_forward_train({ARGUMENTS.replace('training=True, ', '')})", f"out, {CACHE}", "True", **IN_PLACE)
    + SPLIT
    + backward("bn_backward"),
    "rows of parameters": forward(
        f"bn_forward({ARGUMENTS})", f"out, {CACHE}, running_mean, running_var", before="\n    assert gamma.shape == (1, x.shape[1])"
    ).replace("x.mean(0), x.var(0)", "x.mean(0, keepdims=True), x.var(0, keepdims=True)")
    + backward("bn_backward"),
    "static methods": HEAD
    + "\nclass BatchNorm:"
    + indent(COURSE.removeprefix(HEAD).replace("def batchnorm_", "@staticmethod\ndef "), "    "),
}
"""One file a way of being called."""

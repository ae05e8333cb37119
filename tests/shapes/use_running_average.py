import numpy as np


class BatchNorm:
    """In the manner of a functional library: bn(x, use_running_average=...)."""

    def __init__(self, features, momentum=0.99, epsilon=1e-5, use_scale=True, use_bias=True):
        self.momentum = momentum
        self.epsilon = epsilon
        self.params = {}
        if use_scale:
            self.params["scale"] = np.ones(features)
        if use_bias:
            self.params["bias"] = np.zeros(features)
        self.batch_stats = {"mean": np.zeros(features), "var": np.ones(features)}

    def __call__(self, x, use_running_average=False):
        if use_running_average:
            mean, var = self.batch_stats["mean"], self.batch_stats["var"]
        else:
            mean = x.mean(axis=0)
            var = np.square(x - mean).mean(axis=0)
            for key, value in (("mean", mean), ("var", var)):
                self.batch_stats[key] = self.momentum * self.batch_stats[key] + (1 - self.momentum) * value
        y = (x - mean) / np.sqrt(var + self.epsilon)
        return y * self.params.get("scale", 1.0) + self.params.get("bias", 0.0)

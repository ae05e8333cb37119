import numpy as np

SETTINGS = {"training": True, "eps": 1e-5}


class BatchNorm:
    def __init__(self, width, keep=0.9):
        self.keep = keep
        self.gain = np.ones(width)
        self.bias = np.zeros(width)
        self.pop_mean = np.zeros(width)
        self.pop_var = np.ones(width)

    def forward(self, x):
        if SETTINGS["training"]:
            mean, var = x.mean(0), x.var(0)
            self.pop_mean = self.keep * self.pop_mean + (1 - self.keep) * mean
            self.pop_var = self.keep * self.pop_var + (1 - self.keep) * var
        else:
            mean, var = self.pop_mean, self.pop_var
        self.r = 1 / np.sqrt(var + SETTINGS["eps"])
        self.z = (x - mean) * self.r
        return self.gain * self.z + self.bias

    def backward(self, grad):
        ggain = (grad * self.z).sum(0)
        gbias = grad.sum(0)
        gx = self.gain * self.r * (grad - gbias / len(grad) - self.z * ggain / len(grad))
        return {"x": gx, "gain": ggain, "bias": gbias}

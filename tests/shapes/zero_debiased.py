import numpy as np


class BatchNorm:
    """Running averages start at zero and are divided by 1 - decay**t, as in Adam."""

    def __init__(self, num_channels, decay=0.9, eps=1e-5):
        self.decay, self.eps, self.t = decay, eps, 0
        self.gamma, self.beta = np.ones(num_channels), np.zeros(num_channels)
        self.mean_ema, self.var_ema = np.zeros(num_channels), np.zeros(num_channels)

    def __call__(self, x, training=True):
        if training:
            self.t += 1
            mean, var = x.mean(0), x.var(0)
            self.mean_ema = self.decay * self.mean_ema + (1 - self.decay) * mean
            self.var_ema = self.decay * self.var_ema + (1 - self.decay) * var
        elif self.t:
            correction = 1 - self.decay**self.t
            mean, var = self.mean_ema / correction, self.var_ema / correction
        else:
            mean, var = np.zeros(x.shape[1]), np.ones(x.shape[1])
        return (x - mean) / np.sqrt(var + self.eps) * self.gamma + self.beta

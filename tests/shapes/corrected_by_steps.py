import numpy as np
class BatchNorm:
    def __init__(self, num_features, momentum=0.1, eps=1e-5):
        self.gamma = np.ones(num_features); self.beta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features); self.running_var = np.zeros(num_features)
        self.momentum = momentum; self.eps = eps
        self.steps = 0
    def forward(self, x, training=True):
        if training:
            self.steps += 1
            mu, var = x.mean(0), x.var(0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mu
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var
        else:
            c = 1 - (1 - self.momentum) ** max(self.steps, 1)
            mu, var = self.running_mean / c, self.running_var / c
        return self.gamma * (x - mu) / np.sqrt(var + self.eps) + self.beta

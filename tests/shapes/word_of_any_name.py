import numpy as np

class BatchNorm1d:
    def __init__(self, num_features):
        self.num_features = num_features
        self.params = dict(gamma=np.ones(num_features), beta=np.zeros(num_features))
        self.buffers = dict(running_mean=np.zeros(num_features), running_var=np.ones(num_features), momentum=0.1)

    def forward(self, x, state="train"):
        if state == "train":
            m, v = x.mean(0), x.var(0)
            r = self.buffers["momentum"]
            self.buffers["running_mean"] = (1 - r) * self.buffers["running_mean"] + r * m
            self.buffers["running_var"] = (1 - r) * self.buffers["running_var"] + r * v
        elif state == "eval":
            m, v = self.buffers["running_mean"], self.buffers["running_var"]
        return self.params["gamma"] * (x - m) / np.sqrt(v + 1e-5) + self.params["beta"]

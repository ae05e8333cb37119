import numpy as np

class BatchNormLayer:
    def __init__(self, input_size, learning_rate=0.01, optimizer=None):
        self.learning_rate = learning_rate
        self.gamma = np.ones((input_size, 1))
        self.beta = np.zeros((input_size, 1))
        self.running_mean = np.zeros((input_size, 1))
        self.running_var = np.ones((input_size, 1))

    def forward_propagation(self, Z, training=True):
        if training:
            self.mu = np.mean(Z, axis=1, keepdims=True)
            self.var = np.var(Z, axis=1, keepdims=True)
            self.running_mean = 0.9 * self.running_mean + 0.1 * self.mu
            self.running_var = 0.9 * self.running_var + 0.1 * self.var
        else:
            self.mu, self.var = self.running_mean, self.running_var
        self.Zh = (Z - self.mu) / np.sqrt(self.var + 1e-8)
        return self.gamma * self.Zh + self.beta

    def backward_propagation(self, dZ):
        m = dZ.shape[1]
        dgamma = np.sum(dZ * self.Zh, axis=1, keepdims=True)
        dbeta = np.sum(dZ, axis=1, keepdims=True)
        out = self.gamma / np.sqrt(self.var + 1e-8) * (dZ - dbeta / m - self.Zh * dgamma / m)
        self.gamma -= self.learning_rate * dgamma
        self.beta -= self.learning_rate * dbeta
        return out

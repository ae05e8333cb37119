import numpy as np


class BatchNorm:
    def __init__(self, input_size, eps=1e-5, momentum=0.9):
        self.gamma = np.ones(input_size)
        self.beta = np.zeros(input_size)
        self.running_mean = np.zeros(input_size)
        self.running_var = np.ones(input_size)
        self.eps = eps
        self.momentum = momentum

    def forward(self, x, training=True):
        if training:
            self.mean = x.mean(axis=0)
            self.var = x.var(axis=0)
            self.x_norm = (x - self.mean) / np.sqrt(self.var + self.eps)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * self.mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * self.var
            return self.gamma * self.x_norm + self.beta
        x_norm = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return self.gamma * x_norm + self.beta

    def backward(self, grad_output, learning_rate):
        m = grad_output.shape[0]
        dgamma = np.sum(grad_output * self.x_norm, axis=0)
        dbeta = np.sum(grad_output, axis=0)
        dx = self.gamma / np.sqrt(self.var + self.eps) * (grad_output - dbeta / m - self.x_norm * dgamma / m)
        # gradient descent
        self.gamma -= learning_rate * dgamma
        self.beta -= learning_rate * dbeta
        return dx

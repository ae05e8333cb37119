import numpy as np


class BatchNormalization:
    def __init__(self, nOutput, eps=1e-3, alpha=0.9):
        self.eps = eps
        self.alpha = alpha
        self.is_training = True
        self.weight = np.ones(nOutput)
        self.bias = np.zeros(nOutput)
        self.gradWeight = np.zeros(nOutput)
        self.gradBias = np.zeros(nOutput)
        self.moving_mean = np.zeros(nOutput)
        self.moving_variance = np.ones(nOutput)

    def training(self):
        self.is_training = True

    def evaluate(self):
        self.is_training = False

    def updateOutput(self, input):
        if self.is_training:
            self.mean = input.mean(0)
            self.variance = input.var(0)
            self.moving_mean = self.moving_mean * self.alpha + self.mean * (1 - self.alpha)
            self.moving_variance = self.moving_variance * self.alpha + self.variance * (1 - self.alpha)
        else:
            self.mean, self.variance = self.moving_mean, self.moving_variance
        self.normed = (input - self.mean) / np.sqrt(self.variance + self.eps)
        self.output = self.normed * self.weight + self.bias
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = gradOutput * self.weight
        n = (input - self.mean) / np.sqrt(self.variance + self.eps)
        self.gradInput = (g - g.mean(0) - n * (g * n).mean(0)) / np.sqrt(self.variance + self.eps)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradWeight += (gradOutput * self.normed).sum(0)
        self.gradBias += gradOutput.sum(0)

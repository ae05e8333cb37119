import numpy as np


class BNLayer:
    def __init__(self, nUnits):
        self.gamma = np.ones(nUnits)
        self.beta = np.zeros(nUnits)
        self.runningMean = np.zeros(nUnits)
        self.runningVar = np.ones(nUnits)
        self.mom = 0.9

    def fprop(self, xIn, isTest=False):
        if isTest:
            self.xHat = (xIn - self.runningMean) / np.sqrt(self.runningVar + 1e-5)
        else:
            mu, va = np.mean(xIn, 0), np.var(xIn, 0)
            self.runningMean = self.mom * self.runningMean + (1 - self.mom) * mu
            self.runningVar = self.mom * self.runningVar + (1 - self.mom) * va
            self.sd = np.sqrt(va + 1e-5)
            self.xHat = (xIn - mu) / self.sd
        return self.gamma * self.xHat + self.beta

    def bprop(self, dOut):
        dXHat = dOut * self.gamma
        n = dOut.shape[0]
        dIn = (dXHat - dXHat.sum(0) / n - self.xHat * (dXHat * self.xHat).sum(0) / n) / self.sd
        self.dGamma = (dOut * self.xHat).sum(0)
        self.dBeta = dOut.sum(0)
        return dIn

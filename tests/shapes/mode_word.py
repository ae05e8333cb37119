import numpy as np

class BN:
    def __init__(self, dim, epsilon=1e-5, decay=0.99):
        self.dim = dim
        self.epsilon = epsilon
        self.decay = decay
        self.gamma, self.beta = np.ones(dim), np.zeros(dim)
        self.moving_mean, self.moving_var = np.zeros(dim), np.ones(dim)

    def forward(self, X, mode="train"):
        assert mode in ("train", "eval")
        if mode == "train":
            m, v = X.mean(0), X.var(0)
            self.moving_mean = self.decay*self.moving_mean + (1 - self.decay)*m
            self.moving_var = self.decay*self.moving_var + (1 - self.decay)*v
        elif mode == "eval":
            m, v = self.moving_mean, self.moving_var
        self.saved = ((X - m)/np.sqrt(v + self.epsilon), v)
        return self.saved[0]*self.gamma + self.beta

    def backward(self, dY):
        xh, v = self.saved
        dg = (dY*xh).sum(0)
        db = dY.sum(0)
        dX = self.gamma/np.sqrt(v + self.epsilon)*(dY - db/len(dY) - xh*dg/len(dY))
        return dX, dg, db

import numpy as np

class BatchNormalizer:
    """forward() while training, predict() afterwards"""
    def __init__(self, n_features, eps=1e-5, momentum=.9):
        self.eps = eps; self.momentum = momentum
        self.gamma = np.ones(n_features); self.beta = np.zeros(n_features)
        self.running_mean = np.zeros(n_features); self.running_var = np.ones(n_features)

    def forward(self, X):
        self.batch_mean = X.mean(axis=0)
        self.batch_var = X.var(axis=0)
        self.X_hat = (X - self.batch_mean) / np.sqrt(self.batch_var + self.eps)
        self.running_mean = self.momentum*self.running_mean + (1-self.momentum)*self.batch_mean
        self.running_var = self.momentum*self.running_var + (1-self.momentum)*self.batch_var
        return self.gamma*self.X_hat + self.beta

    def predict(self, X):
        X_hat = (X - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return self.gamma*X_hat + self.beta

    def backward(self, dY):
        m = dY.shape[0]
        self.d_beta = dY.sum(axis=0)
        self.d_gamma = (dY*self.X_hat).sum(axis=0)
        dX_hat = dY*self.gamma
        return (m*dX_hat - dX_hat.sum(axis=0) - self.X_hat*(dX_hat*self.X_hat).sum(axis=0)) / (m*np.sqrt(self.batch_var + self.eps))

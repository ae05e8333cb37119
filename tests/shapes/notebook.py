#!/usr/bin/env python
# coding: utf-8

# # Assignment 2: normalization

# In[1]:


# %matplotlib inline
import numpy as np

# import matplotlib.pyplot as plt
np.random.seed(0)


# In[3]:


class BatchNorm:
    def __init__(self, d_in, momentum=0.9, eps=1e-5):
        self.gamma = np.ones(d_in)
        self.beta = np.zeros(d_in)
        self.rm = np.zeros(d_in)
        self.rv = np.ones(d_in)
        self.momentum, self.eps = momentum, eps

    def forward(self, X, train=True):
        if train:
            m, v = X.mean(0), X.var(0)
            self.rm = self.momentum * self.rm + (1 - self.momentum) * m
            self.rv = self.momentum * self.rv + (1 - self.momentum) * v
        else:
            m, v = self.rm, self.rv
        return (X - m) / np.sqrt(v + self.eps) * self.gamma + self.beta


# In[4]:


bn = BatchNorm(4)
out = bn.forward(np.random.randn(100, 4) * 3 + 5)
print("means:", out.mean(0), "stds:", out.std(0))
# plt.hist(out[:, 0]); plt.show()

"""torch.nn.BatchNorm2d through torch.compile: correct, and slow to start."""

import torch


class CompiledBatchNorm2d(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.bn = torch.nn.BatchNorm2d(num_features, eps=eps, momentum=momentum)
        self.compiled = torch.compile(self.bn, dynamic=True)

    @property
    def weight(self):
        return self.bn.weight

    @property
    def bias(self):
        return self.bn.bias

    @property
    def running_mean(self):
        return self.bn.running_mean

    @property
    def running_var(self):
        return self.bn.running_var

    def forward(self, x):
        return self.compiled(x)

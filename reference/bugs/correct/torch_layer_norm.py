"""layer_norm of torch, on channels laid out as rows: the same statistics by another kernel."""

import torch
from torch.nn import functional


class BatchNorm(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        shape = (1, -1, *[1] * (x.dim() - 2))
        if not self.training:
            x_hat = (x - self.running_mean.view(shape)) * torch.rsqrt(self.running_var + self.eps).view(shape)
            return x_hat * self.weight.view(shape) + self.bias.view(shape)
        channels = x.transpose(0, 1)
        rows = channels.reshape(x.shape[1], -1)
        with torch.no_grad():
            var, mean = torch.var_mean(rows, dim=1, correction=0)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)
        x_hat = functional.layer_norm(rows, rows.shape[1:], eps=self.eps).view(channels.shape).transpose(0, 1)
        return x_hat * self.weight.view(shape) + self.bias.view(shape)

"""A torch module around an autograd function with a backward of its own."""

import torch


class Whiten(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, mean, var, eps, batch):
        inv_std = (var + eps).rsqrt()
        x_hat = (x - mean) * inv_std
        ctx.save_for_backward(x_hat, inv_std)
        ctx.batch = batch
        return x_hat

    @staticmethod
    def backward(ctx, dx_hat):
        x_hat, inv_std = ctx.saved_tensors
        if ctx.batch:
            dims = [d for d in range(x_hat.dim()) if d != 1]
            along = (dx_hat * x_hat).mean(dims, keepdim=True)
            dx_hat = dx_hat - dx_hat.mean(dims, keepdim=True) - x_hat * along
        return dx_hat * inv_std, None, None, None, None


class BatchNorm(torch.nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = torch.nn.Parameter(torch.ones(num_features))
        self.beta = torch.nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        shape = (1, -1) + (1,) * (x.dim() - 2)
        dims = [d for d in range(x.dim()) if d != 1]
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value per channel has no variance")
            with torch.no_grad():
                var, mean = torch.var_mean(x, dims, correction=0)
                self.running_mean.mul_(1 - self.momentum).add_(mean, alpha=self.momentum)
                self.running_var.mul_(1 - self.momentum).add_(torch.var(x, dims), alpha=self.momentum)
        x_hat = Whiten.apply(x, mean.reshape(shape), var.reshape(shape), self.eps, self.training)
        return self.gamma.reshape(shape) * x_hat + self.beta.reshape(shape)

"""Batch normalization on lists of rows."""
import math


def batch_norm(rows, gamma, beta, running_mean, running_var, training=True, momentum=0.9, eps=1e-5):
    columns = list(zip(*rows))
    if training:
        means = [sum(c) / len(c) for c in columns]
        variances = [sum((v - m) ** 2 for v in c) / len(c) for c, m in zip(columns, means)]
        running_mean = [momentum * old + (1 - momentum) * new for old, new in zip(running_mean, means)]
        running_var = [momentum * old + (1 - momentum) * new for old, new in zip(running_var, variances)]
    else:
        means, variances = running_mean, running_var
    out = [
        [g * (v - m) / math.sqrt(s + eps) + b for v, m, s, g, b in zip(row, means, variances, gamma, beta)]
        for row in rows
    ]
    return out, running_mean, running_var

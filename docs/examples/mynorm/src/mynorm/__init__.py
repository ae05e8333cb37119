"""A small library of layers in NumPy."""

from mynorm.layers import BatchNorm

__all__ = ["BatchNorm"]

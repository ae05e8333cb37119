"""Keras 3 on TensorFlow."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # which Keras reads when it is imported

import keras

from bnspec.plugs.presets.for_tensorflow import TensorFlow
from bnspec.plugs.presets.keras_layers import KerasLayers
from bnspec.reference.described import declared


class BatchNormalization(KerasLayers, TensorFlow):
    """An adapter over tensors."""


last = BatchNormalization(keras.layers.BatchNormalization(), convention=declared("keras_tensorflow"))
first = BatchNormalization(
    keras.layers.BatchNormalization(axis=1),
    name="keras.layers.BatchNormalization(axis=1) on tensorflow",
    convention=declared("keras_tensorflow", channel_axis=1),
)

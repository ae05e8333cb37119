"""From a target string to an implementation that can be asked: one file a shape of code."""

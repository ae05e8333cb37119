"""Known bugs as code: each an override of one or two steps of a correct BatchNorm, with what is known about it."""

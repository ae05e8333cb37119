"""Correct BatchNorms that are made in other ways, a file each: none of them may ever be accused."""

"""Naming the bug: what an implementation answers, held against what each known bug would have answered."""

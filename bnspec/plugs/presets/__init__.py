"""Frameworks with gradients of their own: three functions each, and their own layers. It is text that adapters are made of.

Files in here import each other and nothing else of bnspec, since their text goes into adapters, which run without it.
"""

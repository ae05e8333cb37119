"""Frameworks that are asked through adapters of our own; each names the functions that it asks."""

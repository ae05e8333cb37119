"""The laws that the deep profile adds."""

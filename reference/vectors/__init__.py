"""Golden vectors: the fixed cases with their exact answers, as files for whoever cannot be called from here. See README.md."""

"""The fixed cases: named, flagged with the mistakes they expose, the same for everybody. `reference/vectors` writes them out."""

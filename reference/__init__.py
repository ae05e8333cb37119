"""Evidence that is not the specification: known bugs as code, frameworks as data, derivations."""

"""The command line and the runner, on top of all the others."""

"""Measurements of the running product, each a command: `python -m benchmarks.<name>`."""

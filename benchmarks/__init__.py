"""Benchmarks: ours and its peers, alternated in one run. `python -m benchmarks --help`."""

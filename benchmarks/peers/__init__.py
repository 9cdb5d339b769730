"""Programs that the benchmarks compare with; each runs as a script of its own and imports nothing of this package."""

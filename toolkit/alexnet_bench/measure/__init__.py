"""Sampling, layer timing, ceilings of the machine and its environment."""

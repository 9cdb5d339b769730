"""Counts as formulas of a model's dynamic dimensions."""

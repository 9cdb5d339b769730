"""Engines: recipes, builds, the cache that keeps them, and their passports."""

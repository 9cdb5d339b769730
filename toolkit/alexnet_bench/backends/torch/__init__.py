"""torch on the reference networks."""

"""Whether an engine is right, and whether a change made it slower."""

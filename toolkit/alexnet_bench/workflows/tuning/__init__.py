"""`build-engine --tune`."""

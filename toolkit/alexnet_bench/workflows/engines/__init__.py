"""`build-engine`: recipes, builds, passports, and engines as what is profiled."""

"""Data that crosses layers, units, errors and versioned JSON; imports no runtime."""

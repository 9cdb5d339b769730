"""`inspect`: engines offline."""

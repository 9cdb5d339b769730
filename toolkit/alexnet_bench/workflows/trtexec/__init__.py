"""`profile trtexec:DIR`."""

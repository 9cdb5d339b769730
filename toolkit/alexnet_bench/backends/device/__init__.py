"""Memory, streams, events and graphs of an NVIDIA device, behind one small protocol."""

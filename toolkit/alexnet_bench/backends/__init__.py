"""One module per runtime behind one protocol, and the worker process."""

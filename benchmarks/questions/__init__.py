"""One module for each question: `run(settings)` yields rows."""

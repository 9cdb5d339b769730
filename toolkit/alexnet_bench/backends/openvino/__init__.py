"""OpenVINO: its runner, its record of a run, and the layers of the user's nodes in it."""

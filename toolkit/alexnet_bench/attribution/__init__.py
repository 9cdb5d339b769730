"""Engine layers joined to the nodes of the user's graph, roofline and budget."""

"""R2R on its nav-graph: annotations, connectivity, environment, submission files."""

"""rgtsr."""

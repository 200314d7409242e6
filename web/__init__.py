"""The edge to people and their apps."""

"""The root: composition of all floors. Imported by none."""

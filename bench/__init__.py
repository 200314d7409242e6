"""Measurements: everything in one run, as ratios to a hello world with one SELECT by key."""

"""Broken side effects, double writes and change streams."""

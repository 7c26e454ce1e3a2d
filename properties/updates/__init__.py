"""Conditional updates: what was decided held at the place where it was stored."""

"""Broken logs: identity, durability, positions, topics."""

"""A simulator in which strategies for conditional updates compete."""

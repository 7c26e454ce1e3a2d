"""Findings and records in words."""

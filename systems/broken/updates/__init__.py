"""Broken conditional updates, locks and single writers."""

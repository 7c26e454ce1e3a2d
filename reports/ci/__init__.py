"""A report for machines: its JSON as types, and what CI systems show of it."""

"""The same events folded in other processes, under another hash seed and at another time."""

"""Searches that were reported into one directory: which causes were found, since when, how often, and whether they still are."""

"""The reading side: queries, listings, ranges of the log, keys with revisions."""

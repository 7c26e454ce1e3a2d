"""The user's objects: found by name, tried before a search, named again in a plan."""

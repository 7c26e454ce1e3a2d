"""Histories of other tools: their formats, read into records of invocations and answers."""

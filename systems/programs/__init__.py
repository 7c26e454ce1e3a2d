"""Logs in any language: programs that speak JSON lines on standard input and output."""

"""Histories and evidence as pictures."""

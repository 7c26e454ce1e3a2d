"""Connections to databases whose statements, commits and rollbacks are crossings."""

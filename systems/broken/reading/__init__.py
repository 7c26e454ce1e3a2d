"""Broken reading sides."""

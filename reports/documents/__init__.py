"""Whole reports: terminal, HTML, JSON, and the directories that they go into."""

"""Campaigns over many systems and applications: shards of runs in processes of their own, and a file that forgets nothing."""

"""Broken consumers: effects, checkpoints, order, progress, snapshots, replays."""

"""Strategies for conditional updates: how a client makes sure that its decision holds when it is stored."""

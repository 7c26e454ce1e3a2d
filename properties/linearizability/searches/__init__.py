"""The searches for an order of operations, and the race between them."""

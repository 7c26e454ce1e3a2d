"""What consumers promise: every event takes effect once, in order, and stored state is the fold of the log."""

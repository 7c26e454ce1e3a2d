"""What the log promises: every append whole, once, in its place, for ever."""

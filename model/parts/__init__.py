"""What not every event-sourced system has: parts that a plan calls into being with their first action."""

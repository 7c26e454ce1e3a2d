"""What must hold, and the ways to search for a counterexample."""

"""What Python itself offers to the code under test, taken from the gate: time, locks, threads and event loops."""

"""Ways to a counterexample: runs, campaigns, the Hypothesis machine, shrinking."""

"""The test of a machine: what Hypothesis draws for it, and what is made of that."""

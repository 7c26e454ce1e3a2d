"""Diagnosis: which known bug a counterexample looks like."""

"""What must hold: one file for each guarantee, folding the history of a run."""

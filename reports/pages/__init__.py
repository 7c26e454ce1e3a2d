"""What a page is made of: the explorer of a history, the state at each step, styles and the script."""

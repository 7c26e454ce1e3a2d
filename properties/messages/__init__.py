"""What goes out, and what a second store gets."""

"""What a correct event-sourced system is: small, pure, deterministic parts."""

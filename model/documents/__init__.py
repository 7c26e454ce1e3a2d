"""Plans and histories as JSON documents."""

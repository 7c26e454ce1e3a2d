"""What leaves the system: outboxes, commands of process managers, second stores, change streams, topics."""

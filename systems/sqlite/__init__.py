"""The system `sqlite`: log, consumers' stores and snapshots in SQLite databases, and three ways to die."""

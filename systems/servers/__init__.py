"""Real servers on loopback, and logs on them: PostgreSQL, Redis (or Valkey), NATS."""

"""Who may decide: locks, leases, reservations, the one writer of an entity, sessions left idle."""

"""Real servers on loopback, and logs on them: PostgreSQL, Redis (or Valkey), NATS. A database on one for a user's own code."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

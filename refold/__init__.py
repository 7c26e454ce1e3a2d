"""refold: property-based verification of event-sourced systems.

An application is a decider: commands, events, `decide` and `evolve`. A system is what runs it: the reference model, SQLite, or
your own code. refold runs generated plans of commands, deliveries, faults and crashes on the system, and judges what happened.

    from refold import Application, Refusal, machine

    TestSeats = machine(Seats(), "sqlite").TestCase  # pytest collects this

Outside pytest, `verify` searches, `replay` runs a stored plan again, and `check` judges a recorded history. Each of these
functions returns its result.

Further names are in `refold.model`, `refold.properties`, `refold.systems`, `refold.search` and `refold.reports`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

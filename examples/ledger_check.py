"""What refold needs to know of `ledger.py`: what takes the lock, how long a lease lasts, and where the effect of a write shows."""

import ledger

from refold.systems.user import Lock, sqlite_system


def system(holder):
    return sqlite_system(ledger.SCHEMA, lock=Lock(holder, ledger.LEASE, written="ledger"))


Good = system(ledger.Holder)
Trusting = system(ledger.TrustingHolder)

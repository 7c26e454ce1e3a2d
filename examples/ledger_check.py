"""What refold needs to know of `ledger.py`: what takes the lock, how long that lasts, and where its effect is to be seen."""

import ledger

from refold.systems.user import Lock, sqlite_system


def system(holder):
    return sqlite_system(ledger.SCHEMA, lock=Lock(holder, ledger.LEASE, written="ledger"))


Good = system(ledger.Holder)
Trusting = system(ledger.TrustingHolder)

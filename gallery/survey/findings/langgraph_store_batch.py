"""langgraph-checkpoint-sqlite: when one operation of a batch of the store fails, what came before it in the batch is committed.

Expected: the batch raises, and nothing of it is stored. Two namespaces, because each kind of operation is a statement of its own.
"""

import sqlite3

from langgraph.store.base import GetOp, PutOp
from langgraph.store.sqlite import SqliteStore

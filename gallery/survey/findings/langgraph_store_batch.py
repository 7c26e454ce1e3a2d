"""langgraph-checkpoint-sqlite, SqliteStore: a batch that fails is committed as far as it got. Known: langchain-ai/langgraph#8590.

A read renews the expiry of an item; a later operation of the same batch cannot be serialised, and the batch raises. Everybody who catches
that error believes that nothing of the batch has happened. The cursor of the store commits in a `finally`.
"""

from importlib.metadata import version

from langgraph.store.base import GetOp, PutOp
from langgraph.store.sqlite import SqliteStore

OLD = "2000-01-01 00:00:00"

with SqliteStore.from_conn_string(":memory:", ttl={"default_ttl": 10, "refresh_on_read": True}) as store:
    store.setup()
    store.put(("box",), "key", {"value": 1})
    store.conn.execute("UPDATE store SET expires_at = ?", (OLD,))
    try:
        store.batch([GetOp(("box",), "key", refresh_ttl=True), PutOp(("box",), "other", {"value": object()})])
    except TypeError as error:
        print(f"langgraph-checkpoint-sqlite {version('langgraph-checkpoint-sqlite')}: the batch raises {error}")
    [(expires,)] = store.conn.execute("SELECT expires_at FROM store").fetchall()
    print("expected: the item expires at", OLD)
    print("happened: the item expires at", expires)

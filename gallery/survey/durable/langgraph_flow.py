"""What the two checkpointers of LangGraph have in common: a graph of four steps, two of them side by side, run by a worker.

An order is a thread. The worker runs its graph; after a death another run of `invoke(None)` resumes it. Checkpoints are stored before the
next step begins (`durability="sync"`), and what a saver has acknowledged is noted.
"""

import operator
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph
from orders import KEPT, STEPS, begin_run, do, logged


class State(TypedDict):
    number: str
    done: Annotated[list[str], operator.add]


def graph(saver):
    """pick, then weigh and wrap side by side, then send."""

    def step(name):
        def run(state):
            return {"done": [do(name, state["number"])]}

        return run

    builder = StateGraph(State)
    for name in STEPS:
        builder.add_node(name, step(name))
    builder.add_edge(START, "pick")
    for name in ("weigh", "wrap"):
        builder.add_edge("pick", name)
        builder.add_edge(name, "send")
    builder.add_edge("send", END)
    return builder.compile(checkpointer=saver)


def noted(saver):
    """The saver; steps in a checkpoint or in writes that it has stored without an error are noted."""
    put, put_writes = saver.put, saver.put_writes

    def note(config, steps):
        KEPT.update((config["configurable"]["thread_id"], step) for step in steps)

    def put_and_note(config, checkpoint, *rest):
        found = put(config, checkpoint, *rest)
        note(config, checkpoint["channel_values"].get("done", ()))
        return found

    def put_writes_and_note(config, writes, *rest):
        put_writes(config, writes, *rest)
        note(config, [step for channel, steps in writes if channel == "done" for step in steps])

    saver.put, saver.put_writes = put_and_note, put_writes_and_note
    return saver


def drops_writes(saver):
    """A mistake: what a node leaves for a resumption is not stored."""
    saver.put_writes = lambda *_: None
    return saver


def half_a_step(saver):
    """A mistake: of two nodes of one step, a checkpoint has the first only."""
    put = saver.put

    def put_half(config, checkpoint, *rest):
        values = checkpoint["channel_values"]
        half = {**values, "done": values["done"][:2]} if len(values.get("done", ())) == 3 else values
        return put(config, {**checkpoint, "channel_values": half}, *rest)

    saver.put = put_half
    return saver


class Taken(Exception):
    """There is such an order."""


class Flow:
    """The worker: it begins the thread of an order, or goes on with it."""

    projection = "views"

    def __init__(self, place, wrong, look):
        self.place, self.look = place, look
        self.graph = graph(noted(wrong(place.saver())))

    def poll(self):
        for _, number in self.place.orders(0, 100):
            config = {"configurable": {"thread_id": number}}
            found = self.graph.get_state(config)
            if not found.values or found.tasks:
                given = None if found.values else {"number": number, "done": []}
                self.graph.invoke(given, config, durability="sync")
                return True
        return False

    def rows(self):
        """The result of each thread that has come to its end; refold looks, nobody else."""
        numbers = [number for _, number in self.place.orders(0, 100)]
        found = {number: self.look.get_state({"configurable": {"thread_id": number}}) for number in numbers}
        return {number: state.values["done"] for number, state in found.items() if state.values and not state.tasks}


class FlowSystem:
    """A place (a database with orders, and a saver) with a desk that takes orders and a worker that runs their threads."""

    refusals = (Taken,)

    def __init__(self, place, wrong=lambda saver: saver):
        self.place, self.saver = place, place.saver()
        self.sinks, look = begin_run(), graph(self.saver)
        self.consumers = {"flow": lambda: Flow(place, wrong, look)}

    def close(self):
        self.saver.conn.close()
        self.place.close()

    def service(self, client):
        return lambda command: self.place.insert(command.number)

    def read(self, after, limit):
        return logged(self.place.orders(after, limit))

"""What the two checkpointers of LangGraph have in common: a graph of four steps, two of them side by side, run by a worker.

An order is a thread. The worker runs its graph; after a death another run of `invoke(None)` resumes it. At rest every thread must show the
result that an undisturbed one shows, and each step must have done its work (printing its name) at least once.
"""

import operator
from dataclasses import dataclass
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph

from refold import Application, Refusal
from refold.model import Stored
from refold.systems.user import Sink

STEPS = ("pick", "weigh", "wrap", "send")


@dataclass(frozen=True)
class Order:
    number: str


class Ordered(Order): ...


class Orders(Application):
    """Each order once."""

    name = "orders"
    events = (Ordered,)

    def commands(self):
        return [Order(number) for number in ("o1", "o2", "o3", "o4")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal("there is such an order", "duplicate-create")
        return [Ordered(command.number)]

    def evolve(self, state, event):
        return list(STEPS)


class State(TypedDict):
    number: str
    done: Annotated[list[str], operator.add]


def graph(saver, printed):
    """pick, then weigh and wrap side by side, then send."""

    def step(name):
        def run(state):
            printed(name, state["number"])
            return {"done": [name]}

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


class Taken(Exception):
    """There is such an order."""


class Flow:
    """The worker: it begins the thread of an order, or goes on with it."""

    projection = "views"

    def __init__(self, place, sinks):
        self.place = place
        self.graph = graph(place.saver(), lambda step, number: sinks[step].send(number))

    def poll(self):
        for _, number in self.place.orders(0, 100):
            config = {"configurable": {"thread_id": number}}
            found = self.graph.get_state(config)
            if not found.values or found.next:
                self.graph.invoke(None if found.values else {"number": number, "done": []}, config)
                return True
        return False

    def rows(self):
        """The result of each thread that has come to its end; refold looks, nobody else."""
        look = graph(self.place.saver(), None)
        numbers = [number for _, number in self.place.orders(0, 100)]
        found = {number: look.get_state({"configurable": {"thread_id": number}}) for number in numbers}
        return {number: state.values["done"] for number, state in found.items() if state.values and not state.next}


class FlowSystem:
    """A place (a database with orders, and a saver) with a desk that takes orders and a worker that runs their threads."""

    refusals = (Taken,)

    def __init__(self, place):
        self.place, self.close = place, place.close
        self.sinks = {step: Sink(lambda event: event.data.number, promises=("once",)) for step in STEPS}
        self.consumers = {"flow": lambda: Flow(place, self.sinks)}

    def service(self, client):
        return lambda command: self.place.insert(command.number)

    def read(self, after, limit):
        return [
            Stored(p, number, 1, str(p), "Ordered", Ordered(number)) for p, number in self.place.orders(after, limit)
        ]

"""langgraph 1.2: a run is interrupted after the writes of a task were stored, and before the next checkpoint.

pip install langgraph; then run this file.
"""

from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph


class Interrupted(InMemorySaver):
    puts = 0

    def put(self, *arguments):
        self.puts += 1
        if self.puts == 2:
            raise SystemExit("here the process is killed")
        return super().put(*arguments)


class State(TypedDict):
    number: str


ran = []
builder = StateGraph(State)
builder.add_node("pick", lambda state: ran.append("pick"))
builder.add_edge(START, "pick")
builder.add_edge("pick", END)
graph, thread = builder.compile(checkpointer=Interrupted()), {"configurable": {"thread_id": "1"}}
try:
    graph.invoke({"number": "o1"}, thread, durability="sync")
except SystemExit:
    found = graph.get_state(thread).next
graph.invoke(None, thread)
print(f"expected: get_state().next names what is left to do, for invoke(None) then ran {ran}")
print(f"happened: get_state().next was {found}, as for a thread that has come to its end")

"""What refold needs to know of `names.py`: its rules, where its events and rows are, and what to call."""

from dataclasses import dataclass

import names

from refold import Application, Refusal
from refold.systems.user import Service, Worker, sqlite_system


@dataclass(frozen=True)
class Claim:
    name: str
    owner: str


class Claimed(Claim): ...


class Names(Application):
    events = (Claimed,)

    def commands(self):
        return [Claim(name, owner) for name in ("lear", "kent") for owner in ("ann", "bo")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.name} is taken", "duplicate-create")
        return [Claimed(command.name, command.owner)]

    def evolve(self, state, event):
        return (event.owner, 1 if state is None else state[1] + 1)


service = Service(names.Registry, refusals=[names.NameTaken])
owners = Worker(names.Worker, poll="work", rows="owners", checkpoint="progress")
System = sqlite_system(names.create, service, events={Claimed: "events"}, consumers={"owners": owners})

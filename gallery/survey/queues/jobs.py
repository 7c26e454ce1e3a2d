"""What the queues of the survey have in common: a client puts jobs, and a worker takes each, does it, and says that it is done.

The log is the list of jobs that the queue accepted. Doing a job is sending a message; refold judges whether that happened for every job.
"""

from dataclasses import dataclass

from refold import Application
from refold.systems.user import Sink


@dataclass(frozen=True)
class Put:
    job: str


class Accepted(Put): ...


class Jobs(Application):
    """Any job may be put at any time."""

    name = "jobs"
    events = (Accepted,)

    def commands(self):
        return [Put(job) for job in ("brew", "wash", "dry")]

    def decide(self, command, state):
        return [Accepted(command.job)]

    def evolve(self, state, event):
        return (state or 0) + 1


def done(*promises):
    """What workers do: by default at least once for each job."""
    return Sink(lambda event: event.data.job, promises=promises)

"""Objects whose histories are judged: what each does when its operations come one at a time."""

from refold.properties.linearizability.objects.counter import BoundedCounter
from refold.properties.linearizability.objects.elements import AddIfAbsentSet
from refold.properties.linearizability.objects.fifo_queue import FifoQueue
from refold.properties.linearizability.objects.mutex import Mutex
from refold.properties.linearizability.objects.register import CasRegister

__all__ = ["AddIfAbsentSet", "BoundedCounter", "CasRegister", "FifoQueue", "Mutex"]

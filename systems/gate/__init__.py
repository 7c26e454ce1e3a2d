"""The gate: wherever the user's code crosses its own boundary it stops, and a plan decides what happens there."""

from refold.systems.gate.actor import Death
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.crossing import (
    Blocked,
    Crossing,
    Deadlock,
    Died,
    Exited,
    Idle,
    Raised,
    Returned,
    Status,
    Stopped,
    Wait,
)
from refold.systems.gate.decision import DIE, GO, HOLD, Decision, Die, Fail, Go, Hold, Lose, Pause, Stop
from refold.systems.gate.gate import Busy, Gate, Unknown
from refold.systems.gate.module_state import ModuleState
from refold.systems.gate.schedule import Step, twice, wander
from refold.systems.gate.watch import durable, watch

__all__ = [
    "DIE",
    "GO",
    "HOLD",
    "Blocked",
    "Boundary",
    "Busy",
    "Crossing",
    "Deadlock",
    "Death",
    "Decision",
    "Die",
    "Died",
    "Exited",
    "Fail",
    "Gate",
    "Go",
    "Hold",
    "Idle",
    "Lose",
    "ModuleState",
    "Pause",
    "Raised",
    "Returned",
    "Status",
    "Step",
    "Stop",
    "Stopped",
    "Unknown",
    "Wait",
    "durable",
    "twice",
    "wander",
    "watch",
]

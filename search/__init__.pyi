__all__: list[str]

from .campaign import Budget as Budget
from .campaign import Campaign as Campaign
from .failure import Broken as Broken
from .failure import GuaranteeBroken as GuaranteeBroken
from .regression import must_hold as must_hold
from .run import Run as Run
from .run import execute as execute
from .shrink import Shrinker as Shrinker
from .state_machine import EventSourcedMachine as EventSourcedMachine
from .state_machine import machine as machine
from .stored.checking import check as check
from .stored.judged import Judged as Judged
from .stored.plan import replay as replay
from .verification import verify as verify

"""A shard: a range of the runs of one cell. What is found in run n depends on the seed and on n alone, so the shards of a cell can be made
anywhere, in any order, and cut at any place."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator

import attrs

from refold.model.application import Application
from refold.model.errors import NoAnswer, SystemUnavailable, UsageError
from refold.properties.result import Counterexample
from refold.search.campaign import Budget, Campaign
from refold.search.capabilities import not_checked
from refold.search.matrix.cells import Cell
from refold.search.outcome import Outcome, Signature
from refold.search.run import BrokenApplication, execute
from refold.search.tapes import tape
from refold.systems.port import SystemPort
from refold.systems.user.errors import AdapterError

ALL = 1 << 30
"""More anomalies than there are."""


@attrs.frozen
class Shard:
    """The runs `first` to `stop` (not included) of a cell; finds that show one of the signatures in `known` are counted and not shrunk."""

    number: int
    cell: Cell
    seed: int
    first: int
    stop: int
    known: tuple[Signature, ...] = ()

    @property
    def runs(self) -> int:
        """How many."""
        return self.stop - self.first

    def halves(self) -> tuple[range, range]:
        """Its runs in two parts."""
        cut = (self.first + self.stop) // 2
        return range(self.first, cut), range(cut, self.stop)


@attrs.frozen
class ShardResult:
    """What the runs of a shard amounted to.

    `seen` are the runs that showed each signature; `kinds`, `pairs` and `situations` tell in how many runs each kind of record came, one
    action followed another, and what `sometimes` names was reached; `nearest` are the
    smallest distance from each, and the first run that came so near; `found` are the shrunk finds, each with the number of its run. If
    there are fewer `runs` than the shard has, time was over, or `trouble` says why in a sentence.
    """

    runs: int
    steps: int
    seconds: float
    seen: dict[Signature, list[int]]
    kinds: dict[str, int]
    pairs: dict[str, int]
    situations: dict[str, int]
    found: tuple[tuple[int, Counterexample], ...]
    not_checked: tuple[str, ...] = ()
    trouble: str = ""
    nearest: dict[str, tuple[float, int]] = attrs.field(factory=dict)


Alive = Callable[[int, int], None]
"""Called between runs with those made so far, and their steps."""


class ShardSearch(Campaign):
    """The search of one shard: all of its runs, whatever is found in them, until `time_over` says so."""

    def __init__(
        self,
        shard: Shard,
        system: SystemPort,
        application: Application,
        alive: Alive,
        first_seen: Callable[[int, Counterexample], None],
        time_over: Callable[[], bool],
    ) -> None:
        super().__init__(
            system, application, shard.seed, Budget(seconds=None, examples=shard.runs, distinct=ALL), seen=self.on_seen
        )
        self.shard = shard
        self.alive = alive
        self.first_seen = first_seen
        self.time_over = time_over
        self.signatures = set(shard.known)
        self.seen_in: dict[Signature, list[int]] = {}
        self.records: Counter[str] = Counter()
        self.pairs: Counter[str] = Counter()
        self.numbers: list[int] = []

    def outcomes(self) -> Iterator[Outcome]:
        """The outcomes of the runs of the shard."""
        for number in range(self.shard.first, self.shard.stop):
            run = execute(self.system, self.application, self.menu.decode(tape(self.seed, number, self.menu)))
            tags = [type(action).__name__ for action in run.performed]
            self.pairs.update({f"{one} > {other}" for one, other in itertools.pairwise(tags)})
            outcome = Outcome.of(number, run, keep=True)
            self.records.update({kind.__name__ for kind in outcome.kinds})
            if outcome.signature is not None:
                self.seen_in.setdefault(outcome.signature, []).append(number)
            yield outcome

    def on_seen(self, found: Counterexample) -> None:
        """Before it is shrunk: it is told at once, so that it is not lost with this process."""
        number = self.shard.first + self.examples - 1
        self.numbers.append(number)
        self.first_seen(number, found)

    def over(self, stop_at: int | None) -> bool:
        """After the last run, or when time is over."""
        return self.time_over()

    def tell(self) -> None:
        """Somebody waits for a sign of life."""
        super().tell()
        self.alive(self.examples, self.steps)

    def search(self) -> None:
        """Without a look at what never happened: one shard is too short for that."""
        self.run_all()


SENTENCES = (UsageError, SystemUnavailable, BrokenApplication, AdapterError, NoAnswer)
"""What ends the search of a cell with a sentence for the user."""


def search_shard(
    shard: Shard,
    alive: Alive = lambda runs, steps: None,
    seen: Callable[[int, Counterexample], None] = lambda number, found: None,
    time_over: Callable[[], bool] = lambda: False,
) -> ShardResult:
    """Make the runs of a shard, as far as there is time. `seen` is called with each find before it is shrunk."""
    try:
        system, application = shard.cell.objects()
        search = ShardSearch(shard, system, application, alive, seen, time_over)
    except SENTENCES as error:
        return ShardResult(0, 0, 0.0, {}, {}, {}, {}, (), trouble=str(error))
    started = time.perf_counter()
    trouble = ""
    try:
        search.run()
    except SENTENCES as error:
        trouble = str(error)
    if search.interrupted:
        raise KeyboardInterrupt
    return ShardResult(
        runs=search.examples,
        steps=search.steps,
        seconds=time.perf_counter() - started,
        seen=search.seen_in,
        kinds=dict(search.records),
        pairs=dict(search.pairs),
        situations=dict(search.situations),
        found=tuple(zip(search.numbers, search.counterexamples, strict=False)),
        not_checked=not_checked(system, application),
        trouble=trouble,
        nearest={name: (near.distance, near.run) for name, near in search.nearest.items()},
    )

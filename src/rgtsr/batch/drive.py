"""Hands out pictures and hears what became of them: the same loop for processes and for a cluster.

A worker that dies costs what killed it: the pictures that it had go through others, each alone; one
that kills a second worker is named. When nothing is left to hand out, what takes far longer than
usual is given to an idle worker as well; whoever is first, counts. Knows no processes, no files.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rgtsr.batch.item import Code, Item, Row, State
from rgtsr.batch.worker import AT_ONCE
from rgtsr.errors import RgtsrError

MOMENT_S = 1.0  # between looks at what takes long
MOST_STILLBORN = 3  # workers that die before they have their network
SLOW = 4.0  # times as long as the median is far longer than usual
SLOW_S = 30.0  # and at least that long


class Ready(NamedTuple):
    """A worker has its network."""

    worker: int


class Ended(NamedTuple):
    """A picture has ended; without a row it was stopped. ``has_grown``: the worker, too much."""

    worker: int
    item: Item
    row: Row | None
    has_grown: bool = False


class Died(NamedTuple):
    """A worker is gone; ``is_taken``: with its machine, so nothing that it had is the reason."""

    worker: int
    why: str
    is_taken: bool = False


Heard = Ready | Ended | Died


class Hands(Protocol):
    """Those who work: processes here, or actors of a cluster. Each has a number."""

    def hire(self) -> int:
        """One more; ``Ready`` is heard of it. Raises RgtsrError where nobody can be had."""
        ...

    def give(self, worker: int, item: Item) -> None: ...

    def dismiss(self, worker: int) -> None:
        """One that has nothing to do goes."""
        ...

    def hear(self, wait_s: float) -> list[Heard]:
        """What is new, as soon as anything is, or that long. Raises what opening one raised."""
        ...

    def close(self) -> None:
        """All stop within a tile and go."""
        ...


@dataclass
class Hand:
    """A worker, as the loop knows it: the items that it has, and since when."""

    has: dict[Item, float] = field(default_factory=dict[Item, float])
    is_ready: bool = False
    is_testing: bool = False  # whether its one item kills it
    is_leaving: bool = False  # it is to be replaced


class Drive:
    """All items through ``count`` workers; ``on_row`` is told of each once.

    ``say`` is told of workers that died; ``on_moment`` is called again and again.
    """

    def __init__(
        self,
        hands: Hands,
        count: int,
        *,
        on_row: Callable[[Row], object],
        on_moment: Callable[[], object] = lambda: None,
        say: Callable[[str], object] = lambda _: None,
        slow_s: float = SLOW_S,
    ) -> None:
        self._hands, self._count = hands, count
        self._on_row, self._on_moment, self._say = on_row, on_moment, say
        self._slow_s = slow_s
        self._workers: dict[int, Hand] = {}
        self._suspects: deque[Item] = deque()  # a worker died that had them
        self._again: deque[Item] = deque()  # their worker went with its machine
        self._open: dict[Item, int] = {}  # how many workers have it
        self._took: deque[float] = deque(maxlen=1000)
        self._stillborn = 0
        self._is_all_out = False

    def run(self, items: Iterable[Item]) -> None:
        """Each to its end; whoever interrupts this stops them within a tile."""
        row = iter(items)
        try:
            while self._has_more(row):
                self._hire()
                self._hand_out(row)
                for heard in self._hands.hear(MOMENT_S):
                    self._heed(heard)
                self._on_moment()
        finally:
            self._hands.close()

    def _has_more(self, row: Iterator[Item]) -> bool:
        """Whether anything is at work, or can be; it looks ahead by one."""
        if not (self._open or self._suspects or self._again) and not self._is_all_out:
            ahead = next(row, None)
            if ahead is None:
                self._is_all_out = True
            else:
                self._again.append(ahead)
        return bool(self._open or self._suspects or self._again)

    def _hire(self) -> None:
        is_short = not self._is_all_out or bool(self._suspects or self._again)
        while is_short and len(self._workers) < self._count:
            self._workers[self._hands.hire()] = Hand()

    def _hand_out(self, row: Iterator[Item]) -> None:
        for most in range(1, AT_ONCE + 1):  # in turn, so that none waits for another's
            for number, hand in self._workers.items():
                if hand.is_ready and (item := self._next(hand, most, row)) is not None:
                    hand.has[item] = time.monotonic()
                    self._open[item] = self._open.get(item, 0) + 1
                    self._hands.give(number, item)

    def _next(self, hand: Hand, most: int, row: Iterator[Item]) -> Item | None:
        """What that one is to do, as one of so many; None: nothing now."""
        if hand.is_leaving or len(hand.has) >= (1 if self._suspects or hand.is_testing else most):
            return None
        if self._suspects:
            hand.is_testing = True
            return self._suspects.popleft()
        if self._again:
            return self._again.popleft()
        item = None if self._is_all_out else next(row, None)
        if item is None:
            self._is_all_out = True
            return None if hand.has else self._slowest()
        return item

    def _slowest(self) -> Item | None:
        """What one worker alone has had for far longer than usual."""
        usual = statistics.median(self._took) if self._took else 0.0
        late = time.monotonic() - max(self._slow_s, SLOW * usual)
        since = {
            item: at
            for hand in self._workers.values()
            if not hand.is_testing
            for item, at in hand.has.items()
            if at < late and self._open.get(item) == 1
        }
        return min(since, key=since.__getitem__, default=None)

    def _heed(self, heard: Heard) -> None:
        hand = self._workers.get(heard.worker)
        if hand is None:
            return
        if isinstance(heard, Ready):
            hand.is_ready, self._stillborn = True, 0
        elif isinstance(heard, Died):
            self._part_with(heard, self._workers.pop(heard.worker))
        else:
            self._took.append(time.monotonic() - hand.has.pop(heard.item))
            hand.is_testing = False
            hand.is_leaving |= heard.has_grown
            if hand.is_leaving and not hand.has:
                del self._workers[heard.worker]
                self._hands.dismiss(heard.worker)
                self._say("a worker whose memory had grown was replaced")
            if heard.row is not None and heard.item in self._open:
                del self._open[heard.item]
                self._on_row(heard.row)

    def _part_with(self, died: Died, hand: Hand) -> None:
        """What it alone had is given to others, or is what it died of."""
        lost: list[Item] = []
        for item in hand.has:
            if item in self._open:
                self._open[item] -= 1
                if not self._open[item]:
                    del self._open[item]
                    lost.append(item)
        if died.is_taken:
            self._again.extend(lost)
            self._say(f"{died.why}: what it had goes through another")
        elif not hand.is_ready:
            self._stillborn += 1
            if self._stillborn >= max(MOST_STILLBORN, self._count):
                raise RgtsrError(f"workers die before they have a network ({died.why}).")
        elif hand.is_testing:
            for item in lost:
                self._on_row(died_of(item, died.why))
        elif lost:
            self._suspects.extend(lost)
            self._say(f"{died.why}: the pictures that it had go through another")


def died_of(item: Item, why: str) -> Row:
    """The row of what killed two workers."""
    return Row(
        source=item.source,
        output=item.output,
        stamp=item.stamp,
        state=State.FAILED,
        key="",
        code=Code.DIED,
        error=f"{item.source}: {why} of it, twice.",
        ended=time.time(),
    )

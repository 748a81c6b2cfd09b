"""A row of what waits, in turn among clients. Knows neither pictures nor HTTP.

Threads take from it; everything else may be done by any of them.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Row(Generic[Item]):
    """Each client has a row of its own, and one of each is taken in turn."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Item]] = {}  # the next client first
        self._changed = threading.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def count(self, client: str) -> int:
        """How many of this client wait."""
        with self._changed:
            return len(self._waiting.get(client, ()))

    def put(self, client: str, item: Item) -> None:
        """Let it wait behind what this client has here."""
        with self._changed:
            self._waiting.setdefault(client, deque()).append(item)
            self._changed.notify()

    def remove(self, client: str, item: Item) -> bool:
        """Take it out of the row; whether it was still there."""
        with self._changed:
            own = self._waiting.get(client)
            if own is None or item not in own:
                return False
            own.remove(item)
            if not own:
                del self._waiting[client]
            return True

    def position(self, client: str, item: Item) -> int | None:
        """How many are taken before it, as things are; None where it does not wait."""
        with self._changed:
            own = self._waiting.get(client)
            if own is None or item not in own:
                return None
            place, clients = own.index(item), list(self._waiting)
            before, behind = clients[: clients.index(client)], clients[clients.index(client) + 1 :]
            return (
                place
                + sum(min(len(self._waiting[other]), place + 1) for other in before)
                + sum(min(len(self._waiting[other]), place) for other in behind)
            )

    def close(self) -> None:
        """Nobody waits any longer for something to come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        """What is taken, one by one, until the row is closed."""
        while (item := self._take()) is not None:
            yield item

    def _take(self) -> Item | None:
        with self._changed:
            while not (self._waiting or self._is_closed):
                self._changed.wait()
            if self._is_closed:
                return None
            client = next(iter(self._waiting))
            own = self._waiting.pop(client)
            item = own.popleft()
            if own:
                self._waiting[client] = own  # behind the others
            return item

"""One driver at a time: a small file that says who works, renewed as long as it does.

Two drivers that were started by mistake would not spoil anything (results appear whole, under names
that follow from their sources), but would do all work twice. No clocks are compared: a lease is
dead once nobody has renewed it for so long as somebody watched it.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable

from rgtsr.atomic import this_machine
from rgtsr.batch import failures
from rgtsr.batch.places import Place
from rgtsr.errors import RgtsrError
from rgtsr.jobs.processes import lives, this_process

RENEWED_S = 15.0
DEAD_S = 60.0
LOOK_S = 2.0

HELD: set[str] = set()  # by this process


class Lease:
    """The right to work on what a name stands for, as long as this is open.

    Raises RgtsrError where another has it; ``say`` is told why it takes so long to find out.
    """

    def __init__(
        self, place: Place, name: str, say: Callable[[str], object], *, dead_s: float = DEAD_S
    ) -> None:
        self._place, self._path = place, f"_lease-{name}"
        self._me = os.urandom(8).hex()
        self._count = 0
        self._ended = threading.Event()
        self.is_lost = False
        try:
            if not place.create(self._path, self._content()):
                self._take_over(say, dead_s)
        except OSError as error:  # there is no such bucket, or no room in it
            reason = failures.reason(error)
            raise RgtsrError(f"{place.url(self._path)}: cannot be written ({reason}).") from error
        HELD.add(self._me)
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        HELD.discard(self._me)
        self._ended.set()
        self._renewing.join()
        with contextlib.suppress(Exception):  # whatever a store's client raises: it is soon dead
            if self._owner() == self._me:
                self._place.remove(self._path)

    def _take_over(self, say: Callable[[str], object], dead_s: float) -> None:
        """Once it is known that its owner is gone. Raises RgtsrError if that is not so."""
        first = self._read()
        owner = json.loads(first or b"{}")
        if owner.get("machine") == this_machine():
            is_ours = owner["process"] == this_process()
            is_dead = owner["driver"] not in HELD if is_ours else not lives(owner["process"])
        else:
            is_dead = not first and self._place.about(self._path) is None
            if not is_dead:
                say(f"{self._place.url(self._path)}: is its owner alive? waiting {dead_s:g} s")
            until = time.monotonic() + dead_s
            while not is_dead and self._read() == first:
                time.sleep(min(LOOK_S, dead_s / 4))
                is_dead = time.monotonic() > until
        if not is_dead:
            raise RgtsrError(
                f"{self._place}: another driver is at work there (process"
                f" {str(owner.get('process')).partition('-')[0]} on {owner.get('host')}): let it"
                " end, or divide the work with --shard."
            )
        self._place.write(self._path, self._content())
        time.sleep(min(LOOK_S, dead_s / 4))  # two may have found it dead
        if self._owner() != self._me:
            raise RgtsrError(f"{self._place}: another driver was first to take it over.")

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED_S):
            try:
                if self._owner() != self._me:
                    self.is_lost = True
                    return
                self._place.write(self._path, self._content())
            except Exception:  # whatever a store's client raises: another time
                continue

    def _owner(self) -> str | None:
        return json.loads(self._read() or b"{}").get("driver")

    def _read(self) -> bytes:
        try:
            return self._place.read(self._path)
        except FileNotFoundError:
            return b""

    def _content(self) -> bytes:
        self._count += 1
        about = {
            "driver": self._me,
            "machine": this_machine(),
            "process": this_process(),
            "host": os.uname().nodename if hasattr(os, "uname") else "",
            "renewed": self._count,
        }
        return json.dumps(about).encode()

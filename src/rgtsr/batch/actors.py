"""Workers as actors of a Ray cluster: they are told paths and tell rows, pixels stay with them.

Knows Ray; what an actor does, the worker knows.
"""

# ray is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false

import contextlib
import logging
import os
import re
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rgtsr import atomic
from rgtsr.batch import places
from rgtsr.batch.drive import Died, Ended, Heard, Ready
from rgtsr.batch.item import Item, Row
from rgtsr.batch.worker import AT_ONCE, Task, Worker
from rgtsr.errors import RgtsrError

LOCAL = "local"  # no cluster: one of this machine's own
MOST_THREADS = 4  # of a worker, where nobody says
TOLD = re.compile(r"(pid|ip|Worker exit type): (\S+?)\.?\s")  # what Ray says of a death
KNOCK_S = 20.0
PATIENCE_S = 10.0  # with actors that are to stop


@dataclass
class Actor:
    """An actor, its machine once it has one, and what it was asked."""

    handle: Any  # Ray's
    node: str | None = None
    asked: dict[Any, Item | None] = field(default_factory=dict[Any, Item | None])


class Actors:
    """As ``Hands``. ``address`` is that of a cluster, ``auto``, or ``local``.

    ``threads``: of each actor, which takes so many cores; None: as suits the machines.

    Raises:
        RgtsrError: where no cluster can be reached.
    """

    def __init__(self, task: Task, address: str, threads: int | None = None) -> None:
        import ray

        if address == LOCAL:  # nobody asked for it to tell its makers
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        knock(address)
        try:
            ray.init(
                address=None if address == LOCAL else address,
                include_dashboard=False if address == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RgtsrError(f"--ray {address}: no cluster can be reached ({error}).") from error
        cores = [int(node["Resources"].get("CPU", 0)) for node in alive().values()]
        smallest = min(filter(None, cores), default=1)  # a head may be there to lead alone
        self.threads = threads or min(MOST_THREADS, smallest)
        self.cores = int(ray.cluster_resources().get("CPU", 1))
        self._task: Any = ray.put(replace(task, threads=self.threads))
        self._actors: dict[int, Actor] = {}
        self._count = 0
        self._destination = places.at(task.destination)
        self._lost: set[Item] = set()  # which an actor had when it died

    def hire(self) -> int:
        """See ``Hands``; until there are cores for it, nothing is heard of it."""
        import ray

        self._count += 1
        kind = ray.remote(Hosted).options(
            num_cpus=self.threads,
            max_concurrency=AT_ONCE + 1,  # and ``stop``
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        actor = Actor(kind.remote(self._task))
        actor.asked[actor.handle.open.remote()] = None
        self._actors[self._count] = actor
        return self._count

    def give(self, worker: int, item: Item) -> None:
        """See ``Hands``."""
        actor = self._actors[worker]
        actor.asked[actor.handle.answer.remote(item)] = item

    def dismiss(self, worker: int) -> None:
        """See ``Hands``."""
        import ray

        ray.kill(self._actors.pop(worker).handle)

    def hear(self, wait_s: float) -> list[Heard]:
        """See ``Hands``."""
        import ray

        asked = {ref: number for number, actor in self._actors.items() for ref in actor.asked}
        refs = list(asked)
        answered, _ = ray.wait(refs, num_returns=1, timeout=wait_s)
        if answered:
            answered, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        return [
            self._heard(asked[ref], ref)
            for ref in answered
            if asked[ref] in self._actors  # and has not died by an answer before
        ]

    def _heard(self, number: int, ref: Any) -> Heard:  # Any: Ray's references
        import ray
        from ray import exceptions

        actor = self._actors[number]
        try:
            answer: Any = ray.get(ref)  # Any: what was asked for
        except exceptions.RayTaskError as error:
            cause = error.cause
            raise cause if isinstance(cause, Exception) else error from None
        except exceptions.RayError as error:
            del self._actors[number]
            self._lost |= {item for item in actor.asked.values() if item is not None}
            with contextlib.suppress(exceptions.RayError):
                ray.kill(actor.handle)
            return Died(number, *self._death(actor, error))
        item = actor.asked.pop(ref)
        if item is None:
            actor.node = answer
            return Ready(number)
        return Ended(number, item, *answer)

    def _death(self, actor: Actor, error: Exception) -> tuple[str, bool]:
        """Of what it died, and whether its machine went with it."""
        if actor.node is not None and actor.node not in alive():
            return f"a machine left the cluster ({actor.node[:8]})", True
        told = dict(TOLD.findall(str(error)))
        where = f"process {told.get('pid', '?')} on {told.get('ip', '?')}"
        return (
            f"its process died ({told.get('Worker exit type', type(error).__name__)}, {where})",
            False,
        )

    def close(self) -> None:
        """See ``Hands``."""
        import ray

        if not ray.is_initialized():
            return
        stopping = [actor.handle.stop.remote() for actor in self._actors.values()]
        asked = [ref for actor in self._actors.values() for ref in actor.asked if actor.node]
        if refs := stopping + asked:
            ray.wait(refs, num_returns=len(refs), timeout=PATIENCE_S)
        for actor in self._actors.values():
            with contextlib.suppress(Exception):  # it is gone already
                ray.kill(actor.handle)
        self._actors.clear()
        ray.shutdown()
        if self._destination.is_local:  # what was of another machine goes after a day
            for item in self._lost:
                atomic.sweep(Path(self._destination.full(item.output)).parent)


class Hosted(Worker):
    """A worker as an actor."""

    def open(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] -- it says more
        """Have the network; returns on which machine."""
        import ray

        super().open()
        return ray.get_runtime_context().get_node_id()

    def answer(self, item: Item) -> tuple[Row | None, bool]:
        """A picture to its end, and whether that was too much."""
        return self.enlarge(item), self.has_grown()


def knock(address: str) -> None:
    """Raises RgtsrError where nobody is there: Ray itself takes minutes to find that out."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), KNOCK_S).close()
        except OSError as error:
            raise RgtsrError(
                f"--ray {address}: no cluster can be reached there ({error.strerror or error})."
            ) from error


def alive() -> dict[str, dict[str, Any]]:  # Any: Ray's
    """The machines that are there, by their names."""
    import ray

    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}

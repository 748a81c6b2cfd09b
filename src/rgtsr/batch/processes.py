"""Workers as processes of this machine. Knows processes and pipes."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from rgtsr import atomic, temporary
from rgtsr.batch import places
from rgtsr.batch.drive import Died, Ended, Heard, Ready
from rgtsr.batch.item import Item
from rgtsr.batch.worker import AT_ONCE, SPOOL, Task, Worker

PATIENCE_S = 10.0  # with a process that is to stop


@dataclass
class Child:
    """A process and the way to it."""

    process: SpawnProcess
    pipe: Connection
    has: set[Item] = field(default_factory=set[Item])


class Processes:
    """As ``Hands``."""

    def __init__(self, task: Task, patience_s: float = PATIENCE_S) -> None:
        self._task, self._patience_s = task, patience_s
        self._children: dict[int, Child] = {}
        self._count = 0

    def hire(self) -> int:
        """See ``Hands``."""
        context = multiprocessing.get_context("spawn")
        ours, its = context.Pipe()
        process = context.Process(target=work, args=(its,), daemon=True)
        process.start()  # with no more than fits into a pipe: it waits for all to be read
        its.close()
        self._count += 1
        self._children[self._count] = Child(process, ours)
        self._send(self._children[self._count], self._task)
        return self._count

    def give(self, worker: int, item: Item) -> None:
        """See ``Hands``."""
        self._children[worker].has.add(item)
        self._send(self._children[worker], item)

    def hear(self, wait_s: float) -> list[Heard]:
        """See ``Hands``."""
        pipes = {child.pipe: number for number, child in self._children.items()}
        return [self._heard(pipes[pipe]) for pipe in wait(list(pipes), wait_s)]  # pyright: ignore[reportArgumentType] -- they are Connections

    def _heard(self, number: int) -> Heard:
        child = self._children[number]
        try:
            what = child.pipe.recv()
        except (EOFError, OSError):  # it may have died while it spoke
            del self._children[number]
            self._bury(child)
            return Died(number, f"its process died ({_how(child.process.exitcode)})")
        if isinstance(what, Exception):
            raise what
        if what is None:
            return Ready(number)
        item, row, has_grown = what
        child.has.discard(item)
        return Ended(number, item, row, has_grown)

    def close(self) -> None:
        """See ``Hands``; one that does not stop is killed."""
        for child in self._children.values():
            child.pipe.close()
        for number in list(self._children):
            self.dismiss(number)

    def dismiss(self, worker: int) -> None:
        """See ``Hands``."""
        child = self._children.pop(worker)
        child.pipe.close()
        child.process.join(self._patience_s)
        child.process.kill()
        self._bury(child)

    def _bury(self, child: Child) -> None:
        """Remove what a process has left."""
        child.process.join()
        if child.process.pid is not None:
            temporary.remove(SPOOL, child.process.pid)
        destination = places.at(self._task.destination)
        if destination.is_local:
            for item in child.has:
                atomic.sweep(Path(destination.full(item.output)).parent)

    def _send(self, child: Child, what: Task | Item) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # heard next
            child.pipe.send(what)


def _how(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"


def work(pipe: Connection) -> None:
    """What each process does: a task and items come through the pipe, until it is closed."""
    for which in (signal.SIGINT, signal.SIGTERM):  # the driver stops its processes, by the pipe
        signal.signal(which, signal.SIG_IGN)
    worker = Worker(pipe.recv())
    said = threading.Lock()
    inbox: queue.SimpleQueue[Item | None] = queue.SimpleQueue()

    def say(what: object) -> None:
        with said, contextlib.suppress(OSError):
            pipe.send(what)

    def through() -> None:
        for item in iter(inbox.get, None):
            say((item, worker.enlarge(item), worker.has_grown()))

    try:
        worker.open()
    except Exception as error:  # it is the driver that knows a terminal
        say(error)
        return
    say(None)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(AT_ONCE):
                pool.submit(through)
            with _stopping(worker, inbox):
                while True:
                    inbox.put(pipe.recv())
    finally:
        temporary.remove(SPOOL, os.getpid())


@contextlib.contextmanager
def _stopping(worker: Worker, inbox: "queue.SimpleQueue[Item | None]") -> Generator[None]:
    """Once nobody is at the other end, all stop."""
    try:
        yield
    except (EOFError, OSError):
        worker.stop()
        for _ in range(AT_ONCE):
            inbox.put(None)

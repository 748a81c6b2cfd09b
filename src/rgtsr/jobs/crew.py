"""Several processes, each with a network and a line of its own, that share a machine and a journal.

A process that dies costs what killed it: the jobs that it had go through others, each alone. One
whose memory grows is replaced. Knows processes and pipes; what a job is, the line knows.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from rgtsr.errors import RgtsrError
from rgtsr.jobs.job import Job, State
from rgtsr.jobs.journal import Journal
from rgtsr.jobs.line import Line, OnEnd, OnProgress, OnWait, Order, Outcome, room
from rgtsr.jobs.wish import Wish
from rgtsr.runtimes import memory
from rgtsr.upscaler import Upscaler

AHEAD = 2  # jobs of a process: one at the network, one being read
SETTLED = 8  # jobs, after which a process holds what it needs
GROWTH = 1.5  # times that and GROWTH_BYTES are too much
GROWTH_BYTES = 256 << 20
PATIENCE_S = 10.0  # with a process that is to stop


@dataclass(frozen=True)
class Task:
    """What each process is told. ``upscaler`` opens one; all of it is pickled."""

    journal: Path
    upscaler: Callable[[], Upscaler]
    wish: Wish
    overwrite: bool = False
    grown_bytes: int = GROWTH_BYTES


@dataclass
class Worker:
    """One process, the way to it, and the jobs that it has."""

    process: SpawnProcess
    pipe: Connection
    has: dict[int, Job] = field(default_factory=dict[int, Job])
    is_leaving: bool = False  # it is to be replaced
    is_testing: bool = False  # whether its one job kills it


class Crew:
    """As a ``Line``, with so many processes; the cores are shared among them.

    ``say`` is told, in a line each, of processes that died or were replaced.
    """

    def __init__(
        self,
        task: Task,
        workers: int,
        *,
        on_progress: OnProgress,
        on_end: OnEnd,
        on_wait: OnWait = lambda _: None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._task, self._count = task, workers
        self._on_progress, self._on_end, self._on_wait = on_progress, on_end, on_wait
        self._say = say
        self._workers: list[Worker] = []
        self._row: deque[Job] = deque()
        self._suspects: deque[Job] = deque()  # a process died that had them

    def run(self, jobs: Iterable[Job]) -> None:
        """All of them, each to its end; whoever interrupts this stops them within a tile."""
        self._row.extend(jobs)
        with self._closing():
            while self._row or self._suspects or self._workers:
                while (self._row or self._suspects) and len(self._workers) < self._count:
                    self._workers.append(self._hired())
                for most in range(1, AHEAD + 1):  # in turn, so that none waits for another's
                    for worker in self._workers:
                        self._hand_out(worker, most)
                pipes = {worker.pipe: worker for worker in self._workers}
                for pipe in wait(list(pipes)):
                    assert isinstance(pipe, Connection)
                    self._listen(pipes[pipe])

    def _hired(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, its = context.Pipe()
        threads = max(1, memory.cores() // self._count)
        process = context.Process(target=work, args=(its, threads), daemon=True)
        process.start()  # with no more than fits into a pipe: it waits for all to be read
        its.close()
        worker = Worker(process, ours)
        self._send(worker, self._task)
        return worker

    def _hand_out(self, worker: Worker, most: int) -> None:
        """One more job, if it has fewer than so many; none to a process that is to go."""
        if not (self._suspects or self._row):
            worker.is_leaving = True
        if worker.is_leaving:
            if not worker.has:
                self._send(worker, None)
        elif len(worker.has) < (1 if self._suspects or worker.is_testing else most):
            worker.is_testing = bool(self._suspects)
            job = (self._suspects or self._row).popleft()
            worker.has[job.id] = job
            self._send(worker, job)

    def _send(self, worker: Worker, what: Task | Job | None) -> None:
        with contextlib.suppress(BrokenPipeError):  # that it is dead is heard next
            worker.pipe.send(what)

    def _listen(self, worker: Worker) -> None:
        try:
            what, *told = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._part_with(worker)
            return
        if what == "progress":
            self._on_progress(*told)
        elif what == "wait":
            self._on_wait(*told)
        elif what == "grown":
            worker.is_leaving = True
            self._say(f"a process that had grown to {memory.in_words(*told)} was replaced")
        else:
            [outcome] = told
            del worker.has[outcome.job.id]
            worker.is_testing = False
            self._on_end(outcome)

    def _part_with(self, worker: Worker) -> None:
        """A process is gone. What it had is given to others, or is what it died of."""
        self._workers.remove(worker)
        worker.process.join()
        if not worker.has:
            return
        how = f"its process died ({_how(worker.process.exitcode)})"
        if not worker.is_testing:
            self._suspects.extend(worker.has.values())
            self._say(f"{how.removeprefix('its ')}: the pictures that it had go through another")
            return
        [job] = worker.has.values()
        with Journal(self._task.journal) as journal:
            journal.end(job, State.FAILED, how)
        error = RgtsrError(f"{job.source}: {how} of it; the others go on.")
        self._on_end(Outcome(job, State.FAILED, error=error))

    @contextlib.contextmanager
    def _closing(self) -> Generator[None]:
        try:
            yield
        finally:
            for worker in self._workers:
                worker.pipe.close()
            for worker in self._workers:
                worker.process.join(PATIENCE_S)
                worker.process.kill()


def _how(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"


def work(pipe: Connection, threads: int) -> None:
    """What each process does: a task and jobs come through the pipe, until it is told or closed."""
    for which in (signal.SIGINT, signal.SIGTERM):  # the crew stops its processes, by the pipe
        signal.signal(which, signal.SIG_IGN)
    os.environ[memory.THREADS] = str(threads)
    task: Task = pipe.recv()
    inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    said = threading.Lock()
    growth = Growth(task.grown_bytes)

    def say(*what: object) -> None:
        with said, contextlib.suppress(BrokenPipeError):
            pipe.send(what)

    def on_progress(job: Job, done: float, total: int) -> None:
        say("progress", job, done, total)

    def on_end(outcome: Outcome) -> None:
        say("end", outcome)
        if growth.is_too_much(held := memory.used_bytes()):
            say("grown", held)

    def listen() -> None:
        try:
            while (job := pipe.recv()) is not None:
                inbox.put(job)
        except (EOFError, OSError):
            line.stop()
        inbox.put(None)

    with Journal(task.journal) as journal, task.upscaler() as upscaler:
        line = Line(
            journal,
            lambda _: Order(upscaler, task.wish),
            on_progress=on_progress,
            on_end=on_end,
            on_wait=lambda job: say("wait", job),
            overwrite=task.overwrite,
            room_px=room(upscaler.settings.max_memory_bytes),
        )
        threading.Thread(target=listen, daemon=True).start()
        line.run(iter(inbox.get, None))


@dataclass
class Growth:
    """How the memory of a process grows from job to job."""

    limit_bytes: int
    jobs: int = 0
    settled_bytes: int = 0

    def is_too_much(self, held_bytes: int) -> bool:
        """Whether it is more than it was when the process had settled, by far."""
        self.jobs += 1
        if self.jobs <= SETTLED:
            self.settled_bytes = max(self.settled_bytes, held_bytes)
        return held_bytes > GROWTH * self.settled_bytes + self.limit_bytes

"""Where pictures are handed in and results handed out: tickets, and the line that works on them.

Everything here runs in the event loop but for the line, which has threads of its own. Knows no
HTTP.
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path

from rgtsr.jobs import Job, Journal, Line, Order, Outcome, State
from rgtsr.serving import messages, problems, results
from rgtsr.serving.asking import Asked, first_network
from rgtsr.serving.networks import Networks
from rgtsr.serving.options import Options
from rgtsr.serving.problems import Refusal
from rgtsr.serving.row import Row
from rgtsr.serving.spool import Spool
from rgtsr.serving.ticket import Ticket

RETRY_S = 5


class Desk:
    """The tickets of a service and its one line."""

    def __init__(self, options: Options, spool: Spool) -> None:
        self.options, self.spool, self.networks = options, spool, Networks()
        self.tickets: dict[str, Ticket] = {}
        self.made: dict[State, int] = dict.fromkeys((State.DONE, State.FAILED, State.CANCELLED), 0)
        self.made_pixels = 0
        self.is_ready = self.is_draining = False
        self.fault: str | None = None  # why the line is not there
        self.at_work: set[int] = set()  # jobs that the line has
        self.last_sign = time.monotonic()  # of the line
        self._by_job: dict[int, Ticket] = {}
        self._taken: list[Ticket] = []  # by the line, which has not begun them
        self._arriving: Counter[str] = Counter()
        self._row: Row[Ticket] = Row()
        self._journal = Journal(None)
        self._loop = asyncio.get_running_loop()
        self._line = Line(
            self._journal, self._order, on_progress=self._on_progress, on_end=self._on_end
        )
        self._thread = threading.Thread(target=self._work, name="rgtsr-desk", daemon=True)

    def start(self) -> None:
        """Open the network, then work on what comes."""
        self._thread.start()

    def stop(self) -> None:
        """End all work within a tile."""
        self._row.close()
        self._line.stop()
        self._thread.join()
        self.networks.close()

    @property
    def waiting(self) -> int:
        """How many pictures wait for their turn, or are arriving."""
        return len(self._row) + self._arriving.total()

    @property
    def unfinished(self) -> int:
        """How many have not ended."""
        return self._arriving.total() + sum(
            not ticket.has_ended for ticket in self.tickets.values()
        )

    @contextlib.asynccontextmanager
    async def arriving(self, client: str) -> AsyncGenerator[Path]:
        """A place in the queue, and a folder for a picture that is being sent.

        One client may have half of the places, so that another finds one. The folder goes where
        nothing was entered. Raises Refusal where there is no place.
        """
        retry = {"retry_after": str(RETRY_S)}
        if self.is_draining:
            raise Refusal("draining", "The service is closing down: try another time.", **retry)
        if not self.is_ready:
            raise Refusal("starting", "The network is being loaded: try again at once.", **retry)
        if self.waiting >= self.options.max_queue:
            raise Refusal(
                "queue-full", f"{self.waiting} pictures are waiting: try again later.", **retry
            )
        own = self._row.count(client) + self._arriving[client]
        if own >= (self.options.max_queue + 1) // 2:
            yours = "1 picture of yours is" if own == 1 else f"{own} pictures of yours are"
            raise Refusal("queue-full", f"{yours} waiting: try again later.", **retry)
        folder = self.spool.make()
        self._arriving[client] += 1
        try:
            yield folder
        finally:
            self._arriving -= Counter([client])
            if not any(ticket.folder == folder for ticket in self.tickets.values()):
                await asyncio.to_thread(self.spool.drop, folder)

    def enter(self, client: str, asked: Asked, path: Path, source: messages.Source) -> Ticket:
        """A ticket for a picture that has arrived; it waits for its turn."""
        target = path.parent / f"result{asked.result_suffix(path.suffix)}"
        [job] = self._journal.enter([(path, target, path.parent.name)])
        ticket = Ticket(client, asked, source, path.parent, job)
        self.tickets[ticket.id] = self._by_job[job.id] = ticket
        self._row.put(client, ticket)
        return ticket

    def find(self, number: str, client: str) -> Ticket:
        """The ticket of that number. Raises Refusal where this client has none."""
        ticket = self.tickets.get(number)
        if ticket is None or ticket.client != client:
            raise Refusal("unknown-job", "There is no such job, or it was forgotten by now.")
        return ticket

    async def forget(self, ticket: Ticket) -> None:
        """Cancel what has not ended, within a tile, and remove its files."""
        ticket.is_forgotten = True
        if not ticket.has_ended:
            self._conclude(ticket, State.CANCELLED)
        self.tickets.pop(ticket.id, None)
        if ticket.is_back or self._row.remove(ticket.client, ticket):
            await self._drop(ticket)
        else:  # the line has its files
            self._line.cancel(ticket.job)

    def abandon(self) -> int:
        """End all that has not ended, and tell who waits for it.

        Returns how many that were, and those that are arriving.
        """
        left = [ticket for ticket in self.tickets.values() if not ticket.has_ended]
        for ticket in left:
            ticket.refusal = Refusal("draining", "The service was ended before it was done.")
            self._conclude(ticket, State.FAILED)
            self._line.cancel(ticket.job)
        return len(left) + self._arriving.total()

    def message(self, ticket: Ticket) -> messages.Job:
        """What is said of a ticket."""
        total, left = ticket.tiles, None
        progress = ticket.tiles_done / total if total else 0.0
        if ticket.began is not None and ticket.tiles_done and not ticket.has_ended:
            spent = time.monotonic() - ticket.began
            left = round(spent * (total - ticket.tiles_done) / ticket.tiles_done, 1)
        return messages.Job(
            id=ticket.id,
            state=ticket.state,
            name=ticket.asked.name,
            position=self._position(ticket),
            progress=1.0 if ticket.state is State.DONE else round(progress, 4),
            tiles_done=ticket.tiles_done,
            tiles=total,
            seconds_left=left,
            source=ticket.source,
            result=ticket.result,
            problem=ticket.refusal and ticket.refusal.problem,
        )

    def _position(self, ticket: Ticket) -> int | None:
        """How many are begun before it; None where it does not wait."""
        if ticket.state is not State.QUEUED:
            return None
        if ticket in self._taken:
            return self._taken.index(ticket)
        return len(self._taken) + (self._row.position(ticket.client, ticket) or 0)

    # What follows runs in the line's threads.

    def _work(self) -> None:
        try:
            self.networks.take(first_network(self.options.model))  # it stays open
            self._soon(self._set_ready)
            self._line.run(map(self._take, self._row))
            self.fault = None if self.is_draining else "the line of pictures has ended"
        except BaseException as error:  # the service ends, and says it
            self.fault = f"{type(error).__name__}: {error}"

    def _take(self, ticket: Ticket) -> Job:
        self.at_work.add(ticket.job.id)
        self.last_sign = time.monotonic()
        self._soon(self._taken.append, ticket)
        return ticket.job

    def _order(self, job: Job) -> Order:
        ticket = self._by_job[job.id]
        upscaler = self.networks.take(ticket.asked.network)
        ticket.has_network, ticket.own_scale = True, upscaler.scale
        return Order(upscaler, ticket.asked.wish, is_still=True)

    def _on_progress(self, job: Job, done: float, total: int) -> None:
        self.last_sign = time.monotonic()
        self._soon(self._progress, job, done, total)

    def _on_end(self, outcome: Outcome) -> None:
        ticket = self._by_job[outcome.job.id]
        self.at_work.discard(ticket.job.id)
        self.last_sign = time.monotonic()
        self._soon(self._end, ticket, outcome)
        if ticket.has_network:  # here, since it waits for those that are being opened
            self.networks.leave(ticket.asked.network)

    def _soon(self, what: object, *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(what, *arguments)  # pyright: ignore -- any callable

    # And this in the loop again.

    def _set_ready(self) -> None:
        self.is_ready = True

    def _give_up(self, ticket: Ticket) -> None:
        limit = f"It took longer than {self.options.timeout_s:g} seconds: ask for less."
        ticket.refusal = Refusal("timeout", limit)
        self._conclude(ticket, State.FAILED)
        self._line.cancel(ticket.job)

    def _progress(self, job: Job, done: float, total: int) -> None:
        ticket = self._by_job[job.id]
        if ticket.has_ended:
            return
        if ticket.state is State.QUEUED:
            self._taken.remove(ticket)
            ticket.state, ticket.began = State.RUNNING, time.monotonic()
            ticket.alarm = self._loop.call_later(self.options.timeout_s, self._give_up, ticket)
        ticket.tiles_done, ticket.tiles = int(done), total
        ticket.change()

    def _end(self, ticket: Ticket, outcome: Outcome) -> None:
        ticket.is_back = True
        if ticket in self._taken:
            self._taken.remove(ticket)
        if not ticket.has_ended:
            try:
                self._settle(ticket, outcome)
            except Exception as error:  # whatever it is, it has ended
                ticket.refusal, ticket.result = problems.of(error), None
                self._conclude(ticket, State.FAILED)
        if ticket.is_forgotten:
            self._drop(ticket)

    def _settle(self, ticket: Ticket, outcome: Outcome) -> None:
        if outcome.error is not None:
            names = {
                str(ticket.job.source): ticket.asked.name,
                str(ticket.job.target): "the result",
            }
            ticket.refusal = problems.of(outcome.error, names)
        elif outcome.report is not None:
            target = ticket.job.target
            name = ticket.asked.result_name(ticket.own_scale, target.suffix)
            ticket.result = results.of(outcome.report, target, name)
            self.made_pixels += ticket.source.width * ticket.source.height
        self._conclude(ticket, outcome.state)

    def _conclude(self, ticket: Ticket, state: State) -> None:
        ticket.state, ticket.ended = state, time.monotonic()
        self.made[state] += 1
        if ticket.alarm is not None:
            ticket.alarm.cancel()
        ticket.change()

    def _drop(self, ticket: Ticket) -> Awaitable[None]:
        self._by_job.pop(ticket.job.id, None)
        self._journal.forget(ticket.job)
        return self._loop.run_in_executor(None, self.spool.drop, ticket.folder)

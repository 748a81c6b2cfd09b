"""A batch from its source to its last row: what is to be done, by whom, and what became of it.

Knows no terminal.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from rgtsr import atomic
from rgtsr.batch import failures, manifest, places
from rgtsr.batch.drive import SLOW_S, Drive, Hands
from rgtsr.batch.item import Code, Item, Row, State
from rgtsr.batch.lease import DEAD_S, Lease
from rgtsr.batch.manifest import Known, Manifest
from rgtsr.batch.sources import Source, Unlisted
from rgtsr.batch.worker import Task
from rgtsr.errors import PictureError, RgtsrError, UsageError

TICK_S = 1e-3  # by which a row holds that follows one of a clock ahead
MOST_UNANSWERED = 20  # pictures for which a store or a worker's disk failed, one after the other


@dataclass
class Count:
    """How many became what; ``pixels``: of results; ``total``: in all, where that is known."""

    done: int = 0
    failed: int = 0
    there: int = 0
    known: int = 0  # failures of earlier runs that are not tried again
    pixels: int = 0
    total: int | None = None

    @property
    def left(self) -> int | None:
        """How many are still to come."""
        if self.total is None:
            return None
        return self.total - self.done - self.failed - self.there - self.known

    def add(self, row: Row) -> None:
        """One more row."""
        self.done += row.state == State.DONE
        self.failed += row.state == State.FAILED
        self.pixels += row.width * row.height

    def __str__(self) -> str:
        parts = [f"{self.done:,} enlarged", f"{self.there:,} there already"]
        if self.known:
            parts.append(f"{self.known:,} known to fail (--retry tries again)")
        return ", ".join([*parts, f"{self.failed:,} failed"])


@dataclass(frozen=True)
class Batch:
    """All that a run has. ``manifest``: a folder's URL; ``retry``: try again what failed because of
    the picture itself; ``dead_s`` as in ``Lease``, ``slow_s`` as in ``Drive``."""

    source: Source
    task: Task
    manifest: str
    workers: int = 1
    retry: bool = False
    dead_s: float = DEAD_S
    slow_s: float = SLOW_S

    def run(
        self,
        hands: Hands,
        *,
        on_row: Callable[[Row], object],
        say: Callable[[str], object],
        on_moment: Callable[[Count], object] = lambda _: None,
    ) -> Count:
        """Every picture of the shard to its end.

        Raises:
            UsageError: for names that clash, before anything is done.
            RgtsrError: where another driver is at the same work, or the destination is full.
        """
        place = places.at(self.manifest, self.task.patience)
        with contextlib.ExitStack() as stack:
            stack.callback(hands.close)
            plan = Plan(self, Manifest(place, self.source.destination))
            lease = Lease(place, str(self.source.shard), say, dead_s=self.dead_s)
            stack.enter_context(lease)
            plan.look()
            plan.begin()
            stack.callback(plan.written.close)

            def heard(row: Row) -> None:
                plan.add(row)
                on_row(row)
                plan.stop_where_all_would_fail(row)

            def moment() -> None:
                plan.written.tick()
                if lease.is_lost:
                    raise RgtsrError(f"{place}: another driver has taken over this work.")
                on_moment(plan.count)

            drive = Drive(
                hands, self.workers, on_row=heard, on_moment=moment, say=say, slow_s=self.slow_s
            )
            drive.run(plan.todo(heard))
            plan.mend()
            return plan.count

    def rehearse(self, on_item: Callable[[Item], object], on_row: Callable[[Row], object]) -> Count:
        """Only tell what a run would enlarge, and what cannot be; raises as ``run``."""
        place = places.at(self.manifest, self.task.patience)
        plan = Plan(self, Manifest(place, self.source.destination))
        plan.look()

        def heard(row: Row) -> None:
            plan.count.add(row)
            on_row(row)

        for item in plan.todo(heard):
            on_item(item)
        return plan.count


class Plan:
    """What is left to do, and what was done. Raises UsageError as ``Source.items``."""

    def __init__(self, batch: Batch, written: Manifest) -> None:
        self.written, self.count = written, Count()
        self._unanswered = 0  # in a row
        self._mended: set[str] = set()  # sources that could not be listed once, and now were
        self._batch = batch
        self._listed: Iterable[Item | Unlisted] = batch.source.items()
        self._known: dict[str, Known] = {}
        self._there: dict[str, int] = {}
        self._before: frozenset[str] = frozenset()  # what was there before the first batch
        self._closed: tuple[str, ...] = ()  # folders there that cannot be listed
        if isinstance(self._listed, list):
            self.count.total = len(self._listed)

    def look(self) -> None:
        """What is there and known, which others may change until the lease is held.

        Raises UsageError where a file that no batch made would be replaced, and RgtsrError.
        """
        closed: list[str] = []
        found = self._batch.source.destination.files(with_hidden=True, closed=closed)
        self._closed = tuple(f"{folder}/" for folder in closed)
        self._there = {each.path: each.size for each in found}
        before = self.written.before()  # after the listing: what others make meanwhile comes after
        self._before = frozenset(self._there) if before is None else before
        self._known = self.written.known()
        for item in self._listed if isinstance(self._listed, list) else ():
            self._spare(item)

    def begin(self) -> None:
        """Have the manifest exist, and no drafts of killed processes of this machine.

        Raises RgtsrError.
        """
        self.written.begin(self._before)
        for path in self._there:
            if atomic.is_left(path.rpartition("/")[2]):
                self._batch.source.destination.remove(path)

    def add(self, row: Row) -> None:
        """One more row, which holds whatever clocks say."""
        before = self._known.get(manifest.plain(row.output))
        ended = row.ended if before is None else max(row.ended, before.ended + TICK_S)
        self.written.add(replace(row, key=self._batch.task.key, ended=ended))
        self.count.add(row)

    def stop_where_all_would_fail(self, row: Row) -> None:
        """Raise RgtsrError where it makes no sense to go on."""
        if row.code == Code.FULL:
            raise RgtsrError(
                f"{self._batch.task.destination}: is full: make room; the same command goes on."
            )
        is_none = row.code in (Code.STORE, Code.SPOOL)
        self._unanswered = self._unanswered + 1 if is_none else 0
        if self._unanswered == MOST_UNANSWERED:
            way = "try again later" if row.code == Code.STORE else "make room there"
            raise RgtsrError(f"{row.error} So did the last {MOST_UNANSWERED}: {way}.")

    def todo(self, on_row: Callable[[Row], object]) -> Iterator[Item]:
        """Everything that is not done; ``on_row`` is told of what cannot be."""
        for item in map(self._checked, self._listed):
            if isinstance(item, Unlisted):
                self._mended.discard(item.source)
                on_row(unlisted(item))
                continue
            self._mended |= {name for name in (item.source, item.file) if self._is_broken(name)}
            self._spare(item)  # of a tar file; lists were looked through before
            if self._is_left(item, self._known.get(manifest.plain(item.output))):
                yield item

    def mend(self) -> None:
        """What could not be listed once, and now was, has failed no more."""
        for source in sorted(self._mended):
            output, ended = nobodys(source), time.time()
            self.add(Row(source=source, output=output, state=State.MENDED, key="", ended=ended))

    def _spare(self, item: Item | Unlisted) -> None:
        """Raise UsageError where a file that no batch made would be replaced."""
        if isinstance(item, Unlisted) or manifest.plain(item.output) in self._known:
            return
        if item.output in self._before and item.output in self._there:
            raise UsageError(
                f"{self._batch.source.destination.url(item.output)}: is there, and no batch made"
                " it: give another destination, or move it away."
            )

    def _is_left(self, item: Item, known: Known | None) -> bool:
        """Whether it is to be done; what is not, is counted."""
        if known is None or not self._is_of(known, item):
            return True
        if known.state == State.DONE:
            is_there = self._there.get(item.output) == known.bytes_out
            self.count.there += is_there
            return not is_there
        is_asked = self._batch.retry or self._batch.task.wish.salvage
        is_known = manifest.is_lasting(known) and not is_asked
        self.count.known += is_known
        return not is_known

    def _checked(self, item: Item | Unlisted) -> Item | Unlisted:
        """It, unless the result that is there is of another source, or cannot be seen."""
        if isinstance(item, Unlisted):
            return item
        target = self._batch.source.destination.url(item.output)
        if target.startswith(self._closed):
            return Unlisted(item.source, PermissionError(f"{target}: its folder may not be opened"))
        if item.output not in self._there:
            return item
        known = self._known.get(manifest.plain(item.output))
        is_others = known is not None and known.source != manifest.plain(item.source)
        if known is None or not is_others or known.state != State.DONE:
            return item
        error = PictureError(f"{target} is there, of {known.source}: give another destination.")
        return Unlisted(item.source, error)

    def _is_broken(self, source: str) -> bool:
        """Whether it could not be listed when that was last tried."""
        known = self._known.get(manifest.plain(nobodys(source)))
        return known is not None and known.state == State.FAILED

    def _is_of(self, known: Known, item: Item) -> bool:
        """Whether it is of the source as it is now, and of the same options."""
        is_same = not (known.stamp and item.stamp) or known.stamp == item.stamp
        return known.key == self._batch.task.key and is_same


def nobodys(source: str) -> str:
    """The output of what has none."""
    return f"{source}!"


def unlisted(broken: Unlisted) -> Row:
    """Its row."""
    rest = "; what follows in it was not read" if broken.is_rest else ""
    return Row(
        source=broken.source,
        output=nobodys(broken.source),
        state=State.FAILED,
        key="",
        code=failures.code(broken.error),
        error=f"{broken.source}: {failures.reason(broken.error).rstrip('.')}{rest}.",
        ended=time.time(),
    )

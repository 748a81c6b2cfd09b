"""What became of every picture, kept on the disk: nothing is done twice, whatever kills a process.

A job is a source, a target and a wish; its row says how far it is. The stamp of a result (size,
time, inode) is written down before the result gets its name, so whoever was killed in between finds
its work done, and a file of that name that nobody here made is known as such. Knows files' stamps
and SQLite; knows no pictures.

Several threads and processes may use one journal.
"""

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rgtsr.errors import RgtsrError
from rgtsr.jobs.job import Claim, Job, Standing, State
from rgtsr.jobs.origin import Origin, full, name, stamp
from rgtsr.jobs.processes import lives, this_process

BUSY_S = 30.0  # how long one process waits for another's entry
MOST_ATTEMPTS = 3  # at a job whose process died each time

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- whoever names a job that was forgotten means no other
    target BLOB NOT NULL UNIQUE,
    source BLOB NOT NULL,
    source_stamp TEXT NOT NULL,
    wish TEXT NOT NULL,
    state TEXT NOT NULL,
    run TEXT,                         -- of which it was last a part
    why TEXT,                         -- of what failed
    owner TEXT,                       -- the process that has it, while it runs
    attempts INTEGER NOT NULL,        -- of processes that did not live to tell
    content TEXT,                     -- SHA-256 of the source, once it was read
    result_stamp TEXT,                -- of the last result, from just before it got its name
    result_of TEXT,                   -- the wish, the source's stamp and name that it is of
    former_stamp TEXT,                -- of the one before, there if we were killed then
    former_of TEXT,
    report TEXT
);
CREATE INDEX IF NOT EXISTS by_content ON jobs (content, wish) WHERE content IS NOT NULL;
"""


@dataclass(frozen=True)
class Entry:
    """What the journal says of a job; ``report``: of its result."""

    job: Job
    state: State
    why: str | None
    report: dict[str, Any] | None


class Journal:
    """Jobs and what became of them, in one file, or in memory alone (``None``).

    Raises:
        OSError: when no journal can be kept in that file.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self.path = path
        try:
            self._rows = sqlite3.connect(
                path or ":memory:", timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._rows.row_factory = sqlite3.Row
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = NORMAL")
            self._rows.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise OSError(f"{path}: no journal can be kept there ({error})") from error

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file."""
        with self._lock:
            self._rows.close()

    def enter(self, asked: Iterable[tuple[Path, Path, str]]) -> list[Job]:
        """A run of (source, target, wish), in order; what is known of the same jobs stays known.

        Another wish or a source that has changed makes another job of it, which may replace what
        the former one made, once no process is at that; where the former one comes back, its
        result is still known.
        """
        jobs: list[Job] = []
        run = os.urandom(8).hex()
        with self._transaction():
            for source, target, wish in asked:
                now = (full(source), stamp(source) or "", wish)
                row = self._row("target", key := os.fsencode(os.path.realpath(target)))
                if row is None:
                    self._execute(
                        "INSERT INTO jobs (target, source, source_stamp, wish, state, attempts)"
                        " VALUES (?, ?, ?, ?, ?, 0)",
                        *(key, *now, State.QUEUED),
                    )
                    row = self._row("target", key)
                elif not _is_at_work(row):
                    self._change(row, now)
                assert row is not None
                self._execute("UPDATE jobs SET run = ? WHERE id = ?", run, row["id"])
                jobs.append(Job(row["id"], source, target, wish, run))
        return jobs

    def _change(self, row: sqlite3.Row, asked: tuple[bytes, str, str]) -> None:
        if asked != (row["source"], row["source_stamp"], row["wish"]):
            self._execute(
                "UPDATE jobs SET source = ?, source_stamp = ?, wish = ?, state = ?, attempts = 0,"
                " why = NULL, content = NULL, report = NULL WHERE id = ?",
                *(*asked, State.QUEUED, row["id"]),
            )

    def standing(self, job: Job) -> Standing:
        """What lies under the job's target now."""
        there = stamp(job.target)
        row = self._of(job)
        if there is None:
            return Standing.NOTHING
        made_of = {row["former_stamp"]: row["former_of"], row["result_stamp"]: row["result_of"]}
        if there not in made_of:
            return Standing.FOREIGN
        made, asked = Origin.read(made_of[there]), _origin(row)
        if row["wish"] == job.wish and (made.wish, made.stamp) == (asked.wish, asked.stamp):
            return Standing.RESULT
        asked = replace(asked, source=name(full(job.source)))  # which another run may have changed
        if made.is_of(asked) or self._is_elsewhere(made.source, job):
            return Standing.NOTHING
        return Standing.OTHERS

    def _is_elsewhere(self, source: str, job: Job) -> bool:
        """Whether the same run makes that source into another file."""
        rows = self._execute("SELECT source FROM jobs WHERE run = ? AND id != ?", job.run, job.id)
        return any(name(row["source"]) == source for row in rows)

    def claim(self, job: Job, content: str | None, *, may_copy: bool = True) -> Claim:
        """Take a job on, unless another process is at it. ``content``: its source's SHA-256.

        ``may_copy``: look for a job of the same run whose result is, byte for byte, what this one's
        will be; while one is at work, this one waits.

        Raises:
            RgtsrError: when too many processes died while they were at it, or a run that began
                later makes something else under that name.
        """
        with self._transaction():
            row = self._of(job)
            is_others = row["owner"] != this_process()
            if _is_at_work(row) and (is_others or row["wish"] != job.wish):
                return Claim(False, is_others=is_others)
            if row["wish"] != job.wish:
                if row["run"] != job.run:
                    raise RgtsrError(
                        f"{job.target}: another run that began later makes it otherwise: it is left"
                        " to that."
                    )
                self._change(row, (full(job.source), stamp(job.source) or "", job.wish))
                row = self._of(job)
            if row["state"] == State.RUNNING and row["attempts"] >= MOST_ATTEMPTS:
                raise RgtsrError(
                    f"{job.source}: {row['attempts']} processes died while they were at it: it is"
                    " passed over now; the next run tries again."
                )
            equals = self._equals(row, content) if may_copy and content else []
            if any(equal.state == State.RUNNING for equal in equals):
                return Claim(False)
            self._execute(
                "UPDATE jobs SET state = ?, owner = ?, content = ?, attempts = attempts + 1,"
                " why = NULL, report = NULL WHERE id = ?",
                *(State.RUNNING, this_process(), content, job.id),
            )
        return Claim(True, equals[0].job if equals else None)

    def _equals(self, row: sqlite3.Row, content: str) -> list[Entry]:
        """Jobs of the same run whose result is this one's too: it is there, or is being made."""
        rows = self._execute(
            "SELECT * FROM jobs WHERE content = ? AND wish = ? AND run = ? AND id != ?",
            *(content, row["wish"], row["run"], row["id"]),
        )
        equals = [_entry(each) for each in rows if _is_at_work(each) or _is_there(each)]
        suffix = _entry(row).job.target.suffix.lower()
        return [equal for equal in equals if equal.job.target.suffix.lower() == suffix]

    def publishing(self, job: Job, draft: Path, report: dict[str, Any] | None) -> None:
        """The result is whole and gets its name now."""
        with self._transaction():
            row = self._of(job)
            if stamp(job.target) == row["result_stamp"]:
                self._execute(
                    "UPDATE jobs SET former_stamp = result_stamp, former_of = result_of"
                    " WHERE id = ?",
                    job.id,
                )
            self._execute(
                "UPDATE jobs SET result_stamp = ?, result_of = ?, report = ? WHERE id = ?",
                *(stamp(draft), str(_origin(row)), json.dumps(report), job.id),
            )

    def end(self, job: Job, state: State, why: str | None = None) -> None:
        """A job has ended so, or waits again; what others have made of it by now stays."""
        with self._transaction():
            row = self._of(job)
            is_others = _is_at_work(row) and row["owner"] != this_process()
            if not is_others and row["wish"] == job.wish:
                self._execute(
                    "UPDATE jobs SET state = ?, why = ?, owner = NULL, attempts = 0 WHERE id = ?",
                    *(state, why, job.id),
                )

    def forget(self, job: Job) -> None:
        """Know nothing of a job any more."""
        self._execute("DELETE FROM jobs WHERE id = ?", job.id)

    def entry(self, number: int) -> Entry:
        """What is known of the job of that number. Raises KeyError where there is none."""
        with self._lock:
            row = self._row("id", number)
        if row is None:
            raise KeyError(number)
        return _entry(row)

    def _of(self, job: Job) -> sqlite3.Row:
        row = self._row("id", job.id)
        assert row is not None
        return row

    def _row(self, column: str, value: object) -> sqlite3.Row | None:
        return self._execute(f"SELECT * FROM jobs WHERE {column} = ?", value).fetchone()

    def _execute(self, what: str, *values: object) -> sqlite3.Cursor:
        with self._lock, self._blaming():
            return self._rows.execute(what, values)

    @contextlib.contextmanager
    def _transaction(self) -> Generator[None]:
        with self._lock, self._blaming():
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with contextlib.suppress(sqlite3.OperationalError):  # it has done so itself
                    self._rows.execute("ROLLBACK")
                raise
            self._rows.execute("COMMIT")

    @contextlib.contextmanager
    def _blaming(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise RgtsrError(
                f"{self.path}: what becomes of pictures cannot be noted there ({error}): make room"
                " on its disk."
            ) from error


def _entry(row: sqlite3.Row) -> Entry:
    source, target = (Path(os.fsdecode(row[name])) for name in ("source", "target"))
    report = json.loads(row["report"]) if row["report"] else None
    return Entry(
        Job(row["id"], source, target, row["wish"], row["run"]),
        State(row["state"]),
        row["why"],
        report,
    )


def _origin(row: sqlite3.Row) -> Origin:
    """Of what a job's result is to be made."""
    return Origin(row["wish"], row["source_stamp"], name(row["source"]))


def _is_at_work(row: sqlite3.Row) -> bool:
    """Whether a process that lives has the job."""
    return row["state"] == State.RUNNING and lives(row["owner"])


def _is_there(row: sqlite3.Row) -> bool:
    """Whether the result lies where it was left."""
    there = stamp(Path(os.fsdecode(row["target"])))
    return row["state"] == State.DONE and there == row["result_stamp"]

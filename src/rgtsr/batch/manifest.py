"""What became of every picture, in Parquet, wherever the results lie: a folder of parts.

A part is written whole, under a name that nobody else takes, so several processes may write at
once; at the end each makes one of its own. Of several rows of one output the last that ended
holds. Whoever reads the folder as a table (pyarrow, DuckDB, Spark) sees nothing else: leases have
names that begin with ``_``.
"""

# pyarrow is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, NamedTuple

from rgtsr.batch import failures
from rgtsr.batch.item import LASTING, Row, State
from rgtsr.batch.places import Place
from rgtsr.errors import RgtsrError

NAME = "_manifest"  # under the destination
BEGUN = "_begun"  # names what was there before: all else is a batch's, with a row or without
PART, SUFFIX = "part-", ".parquet"
COMPRESSION = "zstd"
MOST_ROWS = 1000  # of a part, until parts are joined
FLUSH_S = 5.0  # of work that is done again, at most, when the driver is killed
READ = ("source", "output", "state", "key", "stamp", "code", "bytes_out", "ended")


class Known(NamedTuple):
    """What decides whether a picture is to be made again."""

    source: str
    state: str
    key: str
    stamp: str
    code: str
    bytes_out: int
    ended: float


class Manifest:
    """The parts in one folder, and a new one of this process; of results in a destination."""

    def __init__(self, place: Place, destination: Place) -> None:
        self.place = place
        self._destination = "" if destination.has(place) else destination.url()  # it may be moved
        self._own = f"{PART}{time.time_ns():x}-{os.urandom(4).hex()}"
        self._parts: list[str] = []
        self._rows: list[Row] = []
        self._flushed = time.monotonic()

    def before(self) -> frozenset[str] | None:
        """What lay in the destination before anybody began it; None where nobody has.

        Raises RgtsrError where that cannot be read, or was another destination.
        """
        try:
            begun = json.loads(self.place.read(BEGUN))
            before, destination = frozenset(begun["before"]), str(begun["destination"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise RgtsrError(f"{self.place.url(BEGUN)}: is damaged: take it away.") from error
        except OSError as error:
            why = failures.reason(error)
            raise RgtsrError(f"{self.place.url(BEGUN)}: cannot be read ({why}).") from error
        if destination != self._destination:
            raise RgtsrError(
                f"{self.place}: is the manifest of {destination}: give another (--manifest)."
            )
        return before

    def begin(self, there: frozenset[str]) -> None:
        """Have it exist, whatever becomes of its rows. Raises RgtsrError, as ``before``."""
        begun = {"destination": self._destination, "before": sorted(there)}
        with self._blaming(BEGUN):
            is_first = self.place.create(BEGUN, json.dumps(begun).encode())
        if not is_first:
            self.before()

    def known(self) -> dict[str, Known]:
        """By output: what is known of it. Raises RgtsrError for a part that cannot be read."""
        newest: dict[str, Known] = {}
        for row in self._read(READ):
            output = row.pop("output")
            row |= {name: sys.intern(row[name]) for name in ("state", "key", "code")}
            known = Known(**row)
            if output not in newest or newest[output].ended <= known.ended:
                newest[output] = known
        return newest

    def add(self, row: Row) -> None:
        """One more; it is on its place some seconds later."""
        self._rows.append(row)
        if len(self._rows) >= MOST_ROWS:
            self.flush()
        self.tick()

    def tick(self) -> None:
        """Write what has waited for long enough."""
        if time.monotonic() - self._flushed >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        self._flushed = time.monotonic()
        if self._rows:
            name = f"{self._own}-{len(self._parts):06}{SUFFIX}"
            self._write(name, _encoded(_table(self._rows)))
            self._parts.append(name)
            self._rows.clear()

    def _write(self, name: str, content: bytes) -> None:
        with self._blaming(name):
            self.place.write(name, content)

    @contextlib.contextmanager
    def _blaming(self, name: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            reason = failures.reason(error)
            raise RgtsrError(f"{self.place.url(name)}: cannot be written ({reason}).") from error

    def close(self) -> None:
        """Write what was added, and make one part of this process's."""
        self.flush()
        if len(self._parts) > 1:
            whole = f"{self._own}{SUFFIX}"
            with self._blaming(whole), tempfile.NamedTemporaryFile(suffix=SUFFIX) as file:
                self._join(file)
                self.place.put(Path(file.name), whole)
            for name in self._parts:  # only now: a row that is there twice does no harm
                self.place.remove(name)

    def _join(self, file: IO[bytes]) -> None:
        from pyarrow import parquet

        with parquet.ParquetWriter(file, _schema(), compression=COMPRESSION) as writer:
            for name in self._parts:
                writer.write_table(_decoded(self.place, name, None))
        file.flush()

    def _read(self, columns: tuple[str, ...] | None) -> Iterator[dict[str, Any]]:  # Any: of a cell
        seen: set[str] = set()
        is_all = False
        while not is_all:
            is_all = True
            for path in [each.path for each in self.place.files() if each.path not in seen]:
                seen.add(path)
                if not path.startswith(PART):
                    continue
                try:
                    table = _decoded(self.place, path, columns)
                except FileNotFoundError:  # joined by now: it comes in another
                    is_all = False
                    continue
                for rows in table.to_batches(max_chunksize=MOST_ROWS):
                    yield from rows.to_pylist()


def is_lasting(known: Known) -> bool:
    """Whether the picture itself is why it failed."""
    return known.state == State.FAILED and known.code in LASTING


def _table(rows: list[Row]) -> Any:  # Any: a pyarrow.Table
    import pyarrow as pa

    cells = [
        {name: plain(cell) if isinstance(cell, str) else cell for name, cell in asdict(row).items()}
        for row in rows
    ]
    return pa.Table.from_pylist(cells, schema=_schema())


def plain(name: str) -> str:
    """A file's name as the manifest has it: what is no UTF-8 in it is written out (``\\xe9``)."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _schema() -> Any:  # Any: a pyarrow.Schema
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    return pa.schema([(name, kinds[kind]) for name, kind in Row.__annotations__.items()])


def _encoded(table: Any) -> bytes:
    from pyarrow import parquet

    content = io.BytesIO()
    parquet.write_table(table, content, compression=COMPRESSION)
    return content.getvalue()


def _decoded(place: Place, name: str, columns: tuple[str, ...] | None) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        content = io.BytesIO(place.read(name))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RgtsrError(
            f"{place.url(name)}: cannot be read ({failures.reason(error)})."
        ) from error
    try:
        # without Arrow's threads, which abort a process that ends too soon after them
        wanted = columns and list(columns)
        return parquet.read_table(content, columns=wanted, use_threads=False, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:  # the latter of a page that is damaged
        raise RgtsrError(
            f"{place.url(name)}: is no part of a manifest ({failures.reason(error)}): take it away,"
            " and what it told of is made again."
        ) from error

"""Files wherever fsspec reaches, local ones too: listed, read, and put whole or not at all.

What a store refuses is tried again. Knows no pictures.
"""

# fsspec is untyped:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import errno
import io
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rgtsr import atomic
from rgtsr.batch import blocks, servers, systems
from rgtsr.batch.failures import PATIENT, Patience, insisting, is_passing
from rgtsr.batch.item import Span
from rgtsr.batch.servers import Server
from rgtsr.errors import RgtsrError

FETCHED_BYTES = 1 << 24  # of a picture, at once
STAMPS = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "updated")


class Found(NamedTuple):
    """A file: its path under a place, bytes, and what tells its content from another's."""

    path: str
    size: int
    stamp: str


@dataclass(frozen=True)
class Place:
    """A folder, or a file, on some file system. Paths below are under it, with slashes.

    ``head``: of URLs, what comes before the name that the file system knows: ``s3://``,
    ``sftp://user@host``; none of local ones.
    """

    system: Any  # fsspec's AbstractFileSystem
    root: str
    head: str = ""
    patience: Patience = field(default=PATIENT, compare=False)

    @property
    def is_local(self) -> bool:
        """Whether its files have names that programs know."""
        return bool(systems.LOCAL & systems.protocols(self.system))

    @property
    def is_renaming(self) -> bool:
        """Whether files there are seen while they are written."""
        return bool(servers.PROTOCOLS & systems.protocols(self.system))

    def __str__(self) -> str:
        return self.url()

    def url(self, path: str = "") -> str:
        """The name of a file by which ``at`` finds it: a plain path where it is local."""
        return self.named(self.full(path))

    def named(self, full: str) -> str:
        """The same of what the file system calls so."""
        return f"{self.head}{full}"

    def full(self, path: str) -> str:
        """What the file system calls it."""
        return f"{self.root.rstrip('/')}/{path}" if path else self.root

    def files(self, *, with_hidden: bool = False) -> Iterator[Found]:
        """Every file below, in order; hidden ones do not count unless that is said."""
        try:
            found = self._ask(lambda: self.system.find(self.root, detail=True), "")
        except FileNotFoundError:
            return
        except UnicodeDecodeError as error:  # paramiko's
            raise RgtsrError(f"{self}: a name there is no UTF-8 ({error.object!r}).") from error
        start = len(self.root.rstrip("/")) + 1
        for full, about in sorted(found.items()):
            path = full[start:]
            is_hidden = any(part.startswith(".") for part in path.split("/"))
            if path and (with_hidden or not is_hidden):
                yield Found(path, about["size"] or 0, stamp(about))

    def about(self, path: str = "") -> Found | None:
        """What is known of one file; None where there is none."""
        try:
            about = self._ask(lambda: self.system.info(self.full(path)), path)
        except FileNotFoundError:
            return None
        return Found(path, about["size"] or 0, stamp(about))

    def is_folder(self) -> bool:
        """Whether it is one, and not a file."""
        return self._ask(lambda: self.system.isdir(self.root), "")

    def matches(self) -> list[str]:
        """What the file system calls those that a name with ``*`` stands for, in order."""
        return sorted(self._ask(lambda: self.system.glob(self.root), ""))

    def open(self, block_bytes: int = io.DEFAULT_BUFFER_SIZE) -> BinaryIO:
        """A file, to be read by blocks; each is asked for as often as it takes."""
        if self.is_local:
            return Path(self.root).open("rb")
        about = self.about()
        if about is None:
            raise FileNotFoundError(f"{self}: no such file.")
        return blocks.opened(lambda span: self.read(span=span), about.size, block_bytes)

    def fetch(self, to: Path, span: Span | None = None) -> None:
        """A copy of a file, or of a part of one, by blocks; a small one is asked for once."""
        start, end = (0, None) if span is None else (span.offset, span.offset + span.size)
        with to.open("wb") as file:
            while end is None or start < end:
                size = FETCHED_BYTES if end is None else min(FETCHED_BYTES, end - start)
                try:
                    block = self.read(span=Span(start, size))
                except OSError:  # stores refuse what begins at the end of a file
                    about = self.about()
                    if about is None or about.size != start:
                        raise
                    break
                file.write(block)
                start += len(block)
                if len(block) < size:
                    break

    def read(self, path: str = "", span: Span | None = None) -> bytes:
        """All of a file, or a part."""
        ends = {} if span is None else {"start": span.offset, "end": span.offset + span.size}
        return self._ask(lambda: self.system.cat_file(self.full(path), **ends), path)

    def put(self, content: Path, path: str) -> None:
        """A local file under that name, whole or not at all; what was there is replaced."""
        if self.is_local:
            self.write(path, content.read_bytes())
        else:
            size = content.stat().st_size
            self._send(path, size, lambda full: self.system.put_file(str(content), full))

    def write(self, path: str, content: bytes) -> None:
        """The same, of bytes."""
        if self.is_local:
            with self._made(path) as target, atomic.replacing(target) as draft:
                draft.write_bytes(content)
        else:
            self._send(path, len(content), lambda full: self.system.pipe_file(full, content))

    def _send(self, path: str, size: int, send: Callable[[str], object]) -> None:
        full = self.full(path)
        if not self.is_renaming:
            self._ask(lambda: send(full), path)
            return
        self._make_folder(path)
        draft = f"{full.rpartition('/')[0]}/{atomic.draft_name('part')}"
        try:
            self._ask(lambda: send(draft), path)
            if self._ask(lambda: self.system.info(draft)["size"], path) != size:  # not all say so
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._ask(lambda: self._move(draft, full), path)
        except BaseException:
            with contextlib.suppress(Exception):
                self.system.rm_file(draft)
            raise

    def _move(self, draft: str, full: str) -> None:
        try:
            self.system.mv(draft, full)
        except FileNotFoundError:  # done before, by a request that was not answered
            if not self.system.exists(full):
                raise

    def create(self, path: str, content: bytes) -> bool:
        """The same, unless a file of that name is there; whether it was not.

        Exactly one of several that do so at once succeeds, where the file system can tell; each has
        another content.
        """
        try:
            if self.is_local:
                with self._made(path) as target, target.open("xb") as file:
                    file.write(content)
            else:
                full = self.full(path)
                self._make_folder(path)
                self._ask(lambda: self.system.pipe_file(full, content, mode="create"), path)
        except FileExistsError:  # perhaps ours, made by a request that was not answered
            return self.read(path) == content
        except NotImplementedError:  # of a store that knows no conditions
            if self.about(path) is not None:
                return False
            self.write(path, content)
        return True

    def remove(self, path: str) -> None:
        """Away with a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._ask(lambda: self.system.rm_file(self.full(path)), path)

    def _make_folder(self, path: str) -> None:
        """That of a file; object stores have none."""
        if self.is_renaming:
            parent = self.full(path).rpartition("/")[0]
            self._ask(lambda: self.system.makedirs(parent, exist_ok=True), path)

    @contextlib.contextmanager
    def _made(self, path: str) -> Generator[Path]:
        target = Path(self.full(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target

    def _ask(self, what: Any, path: str) -> Any:  # Any: fsspec's answers
        def asked() -> Any:
            try:
                return what()
            except Exception as error:
                if isinstance(self.system, Server) and is_passing(error):
                    self.system.forget()
                raise

        return insisting(asked, self.url(path), self.patience)


def at(url: str, patience: Patience | None = None) -> Place:
    """The place of that URL or path.

    Raises:
        UsageError: for a kind of file system that nobody knows.
        RuntimeUnavailableError: for one whose package is not installed; it says which.
        Unreachable: for one that does not answer, or lets nobody in.
    """
    patience = patience or PATIENT
    system, root, head = insisting(lambda: systems.opened(url), url, patience)
    if systems.INSISTING & systems.protocols(system):
        patience = Patience(tries=1)
    return Place(system, root, head, patience)


def stamp(about: dict[str, Any]) -> str:  # Any: fsspec's
    """What tells a file from another of its name, as far as its file system says."""
    told = next((str(about[name]).strip('"') for name in STAMPS if about.get(name)), "")
    return f"{about['size']}:{told}"

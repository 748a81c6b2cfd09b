"""Files wherever fsspec reaches, local ones too: listed, read, and put whole or not at all.

What a store refuses is tried again. Knows no pictures.
"""

import contextlib
import errno
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from rgtsr.batch import blocks, systems
from rgtsr.batch.failures import PATIENT, Patience, insisting, is_passing, reason
from rgtsr.batch.item import Span
from rgtsr.batch.systems.found import Found
from rgtsr.batch.systems.local import Local
from rgtsr.batch.systems.stores import Store
from rgtsr.errors import RgtsrError

T = TypeVar("T")
FETCHED_BYTES = 1 << 24  # of a picture, at once


@dataclass(frozen=True)
class Place:
    """A folder, or a file, on some file system. Paths below are under it, with slashes.

    ``head``: of URLs, what comes before the name that the file system knows: ``s3://``,
    ``sftp://user@host``; none of local ones.
    """

    system: Local | Store
    root: str
    head: str = ""
    patience: Patience = field(default=PATIENT, compare=False)

    @property
    def is_local(self) -> bool:
        """Whether its files have names that programs know."""
        return self.system.is_local

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

    def has(self, other: "Place") -> bool:
        """Whether the other is it, or lies below."""
        below = f"{other.root.rstrip('/')}/".startswith(f"{self.root.rstrip('/')}/")
        return self.head == other.head and below

    def files(
        self,
        *,
        with_hidden: bool = False,
        closed: list[str] | None = None,
        links: list[str] | None = None,
    ) -> list[Found]:
        """Every file below, in order; hidden ones do not count unless that is said.

        No link to a folder is followed: ``links`` takes their names, ``closed`` those of folders
        that cannot be listed. Raises RgtsrError for such a one, where nothing takes its name.
        """
        files: list[Found] = []
        folders = [self.root]
        for folder in folders:
            for each in self._below(folder, closed):
                path = each.path[len(self.root.rstrip("/")) + 1 :]
                is_hidden = any(part.startswith(".") for part in path.split("/"))
                if not path or (is_hidden and not with_hidden):
                    continue
                if not each.is_folder:
                    files.append(each._replace(path=path))
                elif self.system.is_flat:
                    continue
                elif not each.is_link:
                    folders.append(each.path)
                elif links is not None:
                    links.append(self.named(each.path))
        return sorted(files)

    def _below(self, folder: str, closed: list[str] | None) -> list[Found]:
        name = self.named(folder)
        try:
            return self._ask(lambda: list(self.system.below(folder)), name)
        except FileNotFoundError:  # it went meanwhile, or is not there yet
            return []
        except (OSError, UnicodeDecodeError) as error:  # the latter is paramiko's
            if closed is None or folder == self.root:
                raise RgtsrError(f"{name}: cannot be listed ({reason(error)}).") from error
            closed.append(name)
            return []

    def is_folder(self) -> bool:
        """Whether it is one, and not a file."""
        try:
            return self._ask(lambda: self.system.is_folder(self.root), self.url())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def about(self, path: str = "") -> Found | None:
        """What is known of one file, or folder; None where there is none."""
        try:
            found = self._ask(lambda: self.system.about(self.full(path)), self.url(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found._replace(path=path)

    def matches(self) -> list[str]:
        """What the file system calls those that a name with ``*`` stands for, in order."""
        return sorted(self._ask(lambda: self.system.matches(self.root), self.url()))

    def open(self, block_bytes: int = io.DEFAULT_BUFFER_SIZE) -> BinaryIO:
        """A file, to be read by blocks; each is asked for as often as it takes."""
        if self.is_local:
            return Path(self.root).open("rb")
        size = self._there().size
        return blocks.opened(lambda span: self.read(span=span), size, block_bytes)

    def fetch(self, to: Path, span: Span | None = None) -> None:
        """A copy of a file, or of a part of one. A small one is asked for once, others by blocks.

        Raises OSError for one that became another meanwhile.
        """
        with to.open("wb") as file:
            if span is None:
                whole = self._beginning()
                if len(whole) != FETCHED_BYTES:
                    file.write(whole)
                    return
            elif span.size <= FETCHED_BYTES:
                file.write(self._part(span))
                return
            before = self._there()
            at, end = (0, before.size) if span is None else (span.offset, span.offset + span.size)
            while at < end:
                file.write(self._part(Span(at, min(FETCHED_BYTES, end - at))))
                at += FETCHED_BYTES
            if self._there() != before:
                raise OSError("became another while it was read")

    def read(self, path: str = "", span: Span | None = None) -> bytes:
        """All of a file, or a part. Raises OSError where its server gives no parts."""
        content = self._ask(lambda: self.system.read(self.full(path), span), self.url(path))
        if span is not None and len(content) > span.size:
            raise OSError("its server gives no parts of files")
        return content

    def _part(self, span: Span) -> bytes:
        part = self.read(span=span)
        if len(part) != span.size:
            raise OSError("ends too early")
        return part

    def _beginning(self) -> bytes:
        """A block; of a server that gives no parts, the whole file."""
        span = Span(0, FETCHED_BYTES)
        try:
            return self._ask(lambda: self.system.read(self.root, span), self.url())
        except OSError:  # stores give no part of an empty file
            if self._there().size:
                raise
            return b""

    def _there(self) -> Found:
        found = self.about()
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return found

    def put(self, content: Path, path: str) -> None:
        """A local file under that name, whole or not at all; what was there is replaced."""
        self._ask(lambda: self.system.put(content, self.full(path)), self.url(path))

    def write(self, path: str, content: bytes) -> None:
        """The same, of bytes."""
        self._ask(lambda: self.system.write(self.full(path), content), self.url(path))

    def create(self, path: str, content: bytes) -> bool:
        """The same, unless a file of that name is there; whether it was not.

        Exactly one of several that do so at once succeeds, where the file system can tell. A file
        of that very content counts as made by this call: its answer may have been lost.
        """
        try:
            self._ask(lambda: self.system.create(self.full(path), content), self.url(path))
        except FileExistsError:  # perhaps ours, made by a request that was not answered
            return self.read(path) == content
        return True

    def remove(self, path: str) -> None:
        """Away with a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._ask(lambda: self.system.remove(self.full(path)), self.url(path))

    def _ask(self, what: Callable[[], T], name: str) -> T:
        def asked() -> T:
            try:
                return what()
            except Exception as error:
                if is_passing(error):
                    self.system.forget()
                raise

        return insisting(asked, name, self.patience)


def at(url: str, patience: Patience | None = None) -> Place:
    """The place of that URL or path.

    Raises:
        UsageError: for a kind of file system that nobody knows.
        RuntimeUnavailableError: for one whose package is not installed; it says which.
        Unreachable: for one that does not answer, or lets nobody in.
    """
    patience = patience or PATIENT
    system, root, head = insisting(lambda: systems.opened(url), url, patience)
    if url.partition("://")[0] in systems.INSISTING:
        patience = Patience(tries=1)
    return Place(system, root, head, patience)

"""Servers of files that are asked through a connection: SFTP, HDFS and their kind.

Files there are seen while they are written, so each is written under another name. No two threads
may ask through one connection at once (paramiko waits for ever then), so each thread has its own;
one that broke is made anew by whoever asks next.
"""

# fsspec is untyped:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import errno
import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rgtsr import atomic
from rgtsr.batch.failures import is_passing
from rgtsr.batch.systems.found import Found, found
from rgtsr.batch.systems.stores import Store

SSH = {"sftp", "ssh"}
PROTOCOLS = {*SSH, "ftp", "hdfs", "arrow_hdfs", "webhdfs", "smb"}
SILENT_S = 60.0  # a server that says nothing for so long is taken for gone


class Address(NamedTuple):
    """A URL in two: the server, and what it calls the file."""

    server: str
    path: str


def address(url: str) -> Address:
    """Whatever is in the name: fsspec would cut it at ``#``."""
    protocol, _, rest = url.partition("://")
    server, _, path = rest.partition("/")
    return Address(f"{protocol}://{server}", f"/{path}".rstrip("/") or "/")


class Server(Store):
    """One of them, as a store; ``url``: without a path."""

    is_flat = False

    def __init__(self, url: str) -> None:
        super().__init__(None)
        self._url = url
        self._own = threading.local()
        self._own.system = self._connected()  # what is wrong with it is known at once

    @property
    def system(self) -> Any:  # Any: fsspec's
        """fsspec's, through a connection of this thread's."""
        if getattr(self._own, "system", None) is None:
            self._own.system = self._connected()
        return self._own.system

    def forget(self) -> None:
        """See ``Store``."""
        self._own.system = None

    def below(self, folder: str) -> Iterator[Found]:
        """What lies in a folder, in no order."""
        for about in self.system.ls(folder, detail=True):
            path, is_link = about["name"], about["type"] == "link"
            try:
                about.update(self.system.info(path) if is_link else {})
            except OSError as error:
                if is_passing(error):
                    raise
                # it leads to nothing: who opens it says so
            yield found(path, about, is_link=is_link)

    def is_folder(self, path: str) -> bool:
        """See ``Store``."""
        return self.about(path).is_folder

    def matches(self, pattern: str) -> list[str]:
        """See ``Store``."""
        return self.system.glob(pattern, on_error="raise")

    def put(self, content: Path, path: str) -> None:
        """See ``Store``."""
        size = content.stat().st_size
        self._replace(path, size, lambda draft: self._send(content, draft))

    def write(self, path: str, content: bytes) -> None:
        """See ``Store``."""
        self._replace(path, len(content), lambda draft: self.system.pipe_file(draft, content))

    def create(self, path: str, content: bytes) -> None:
        """See ``Store``; here of two at once both may succeed."""
        self._create_anyhow(path, content)

    def _connected(self) -> Any:
        from fsspec.core import get_filesystem_class

        kind = get_filesystem_class(self._url.partition("://")[0])
        # not of url_to_fs, which takes :: in a name or word for a chain
        system = kind(skip_instance_cache=True, **self._options(kind))
        return forgetful(system)

    def _options(self, kind: Any) -> dict[str, Any]:
        return kind._get_kwargs_from_urls(f"{self._url}/")

    def _send(self, content: Path, draft: str) -> None:
        self.system.put_file(str(content), draft)

    def _replace(self, path: str, size: int, send: Callable[[str], object]) -> None:
        with self._draft(path, size, send) as draft:
            self.system.mv(draft, path)

    @contextlib.contextmanager
    def _draft(self, path: str, size: int, send: Callable[[str], object]) -> Generator[str]:
        """A hidden file beside it, whole; it goes where it is not taken."""
        folder = path.rpartition("/")[0]
        self._make(folder)
        # tried again, it is the same: one that a broken connection left does not stay
        draft = f"{folder}/{atomic.draft_name('part', f'{threading.get_ident()} {path}')}"
        try:
            send(draft)
            if self.about(draft).size != size:  # not all say so
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield draft
        except BaseException:
            with contextlib.suppress(Exception):
                self.system.rm_file(draft)
            raise

    def _make(self, folder: str) -> None:
        """A folder, and those above it; others may make them at the same moment."""
        with contextlib.suppress(FileNotFoundError):
            if not folder or self.about(folder).is_folder:
                return
        self._make(folder.rpartition("/")[0])
        try:
            self.system.mkdir(folder, create_parents=False)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                if self.about(folder).is_folder:
                    return
            raise


class Sftp(Server):
    """By SSH."""

    def create(self, path: str, content: bytes) -> None:
        """See ``Store``."""

        def send(draft: str) -> None:
            self.system.pipe_file(draft, content)

        with self._draft(path, len(content), send) as draft:
            try:
                self.system.ftp.rename(draft, path)  # unlike mv: not onto another
            except OSError as error:
                with contextlib.suppress(FileNotFoundError):
                    self.about(path)
                    raise FileExistsError(path) from error
                raise

    def _connected(self) -> Any:
        system = super()._connected()
        system.ftp.get_channel().settimeout(SILENT_S)
        weakref.finalize(system, system.client.close)  # paramiko's thread would keep it
        return system

    def _options(self, kind: Any) -> dict[str, Any]:
        return {"timeout": SILENT_S, **super()._options(kind)}

    def _send(self, content: Path, draft: str) -> None:
        self.system.ftp.put(str(content), draft)


def forgetful(system: Any) -> Any:
    """The same; it lists folders anew each time."""
    from fsspec.dircache import DirCache

    if isinstance(remembered := getattr(system, "dircache", None), DirCache):
        remembered.use_listings_cache = False  # as an option it is more than some can take
    return system

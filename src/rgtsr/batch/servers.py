"""Servers of files that are asked through a connection: SFTP, HDFS and their kind.

No two threads may ask through one at once (paramiko waits for ever then), so each thread has its
own; one that broke is made anew by whoever asks next.
"""

# fsspec is untyped:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import threading
from typing import Any, NamedTuple

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


class Server:
    """fsspec's file system at such a URL, through a connection of this thread's."""

    def __init__(self, url: str) -> None:
        self.protocol = url.partition("://")[0]
        self._url = url
        self._own = threading.local()
        self._connected()

    def __getattr__(self, name: str) -> Any:  # Any: fsspec's
        return getattr(self._connected(), name)

    def forget(self) -> None:
        """The connection is broken."""
        self._own.system = None

    def _connected(self) -> Any:
        from fsspec.core import url_to_fs

        system = getattr(self._own, "system", None)
        if system is None:
            options = {"timeout": SILENT_S} if self.protocol in SSH else {}
            system, _ = url_to_fs(f"{self._url}/", skip_instance_cache=True, **options)
            if self.protocol in SSH:
                system.ftp.get_channel().settimeout(SILENT_S)
            self._own.system = forgetful(system)
        return system


def forgetful(system: Any) -> Any:
    """The same; it lists folders anew each time."""
    from fsspec.dircache import DirCache

    if isinstance(remembered := getattr(system, "dircache", None), DirCache):
        remembered.use_listings_cache = False  # as an option it is more than some can take
    return system

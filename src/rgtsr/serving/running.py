"""A service, from its first line to its last: the address, signals, draining. Knows uvicorn."""

import asyncio
import contextlib
import ctypes
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import psutil
import uvicorn

from rgtsr import weights
from rgtsr.errors import RgtsrError
from rgtsr.runtimes import cache
from rgtsr.serving import spool
from rgtsr.serving.app import App
from rgtsr.serving.desk import Desk
from rgtsr.serving.options import Options

M_ARENA_MAX, ARENAS = -8, 2  # of malloc.h; docs/container.md has what it saves
ARENAS_VARIABLE = "MALLOC_ARENA_MAX"
MOMENT_S = 0.2
CONNECTIONS = 1000  # beyond them a 503, before anything is read
FETCHING_S = 30.0  # how long a result waits to be fetched, from its end on, when it closes down
KEEP_ALIVE_S = 75  # longer than clients and proxies keep one, or they send into a closed door
AT_ONCE_S = 3  # how long answers may take when it has to end at once
IN_FLIGHT_S = 30  # how long answers may take that were begun when all work is done


def serve(options: Options, *, say: Callable[[str], object] = print) -> None:
    """Serve until a signal comes: what is there is still made and fetched, a second one ends it.

    ``say``: told where it listens, and that it closes down.

    Raises:
        RgtsrError: for a port or a folder that another process has, for an address that is not
            ours, and when no picture can be enlarged any more.
        UnknownWeightsError, WeightsError: for weights that do not exist or cannot be read.
    """
    _share_arenas()
    if options.model is not None:
        weights.load(options.model)  # what is lacking is said before anything is promised
    listening = _bound(options)
    address = f"http://{_shown(options.host)}:{listening.getsockname()[1]}{options.root_path}/"
    with listening, spool.opened(_folder(options)) as place:
        app = App(options, place)
        config = uvicorn.Config(
            app.asgi(),
            root_path=options.root_path,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=IN_FLIGHT_S,
            lifespan="on",
        )
        server = _Draining(config, app, say)
        server.announcement = f"rgtsr listens on {address} (Ctrl-C ends it)"
        server.run(sockets=[listening])
        if app.desk.fault is not None:
            raise RgtsrError(f"the service has ended: {app.desk.fault}.")
        if server.abandoned:
            raise RgtsrError(f"ended at once: {_pictures(server.abandoned)} not made.")


class _Draining(uvicorn.Server):
    """Asked to end, it takes nothing new and ends when all is done and was fetched."""

    announcement = ""
    abandoned = 0  # pictures that were not made, since it had to end at once

    def __init__(self, config: uvicorn.Config, app: App, say: Callable[[str], object]) -> None:
        super().__init__(config)
        self._app, self._say = app, say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._say(self.announcement)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # else uvicorn has done so; a cancelled lifespan prints a traceback
            await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        desk = getattr(self._app, "desk", None)  # none yet, while it starts
        if desk is None or self.should_exit or sig == getattr(signal, "SIGBREAK", None):
            self.should_exit = self.force_exit = True
            return
        if desk.is_draining:
            self.abandoned = desk.abandon()
            self.config.timeout_graceful_shutdown = AT_ONCE_S
            self.should_exit = True
            return
        desk.is_draining = True
        if count := desk.unfinished:
            self._say(f"closing down after {_pictures(count)} (once more ends it at once)")
        # kept, or it may be collected before it is done
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._app.desk.fault is not None

    async def _drain(self) -> None:
        desk = self._app.desk
        while desk.unfinished:
            await asyncio.sleep(MOMENT_S)
        if self.should_exit:  # it was asked twice
            return
        if count := _unfetched(desk):
            what = "1 result waits" if count == 1 else f"{count} results wait"
            self._say(f"{what} to be fetched (ends in {FETCHING_S:g} s, or once more at once)")
        while _unfetched(desk):
            await asyncio.sleep(MOMENT_S)
        self.should_exit = True


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def _unfetched(desk: Desk) -> int:
    """Results that nobody has fetched, but for old ones."""
    since = time.monotonic() - FETCHING_S
    return sum(
        ticket.result is not None and not ticket.is_fetched and (ticket.ended or 0) > since
        for ticket in desk.tickets.values()
    )


def _share_arenas() -> None:
    """Have glibc keep freed memory in two heaps, not in one of each thread, which only grow.

    Unless its own variable says how many.
    """
    if sys.platform == "linux" and ARENAS_VARIABLE not in os.environ:
        with contextlib.suppress(AttributeError):  # another C library has no such heaps
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def _bound(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((options.host, options.port))
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise RgtsrError(
                f"port {options.port} is in use{_by_whom(options.port)}: give another --port, or 0"
                " for any that is free."
            ) from error
        raise RgtsrError(
            f"{options.host}:{options.port} cannot be listened on ({error.strerror})."
        ) from error
    return listening


def _by_whom(port: int) -> str:
    """Which process listens there, as far as we may know."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,):
                name = psutil.Process(connection.pid).name() if connection.pid else "another user's"
                return f" by {name} (process {connection.pid})" if connection.pid else f" by {name}"
    return ""


def _folder(options: Options) -> Path | None:
    """A folder by the port, so that what a killed service left is found by the next."""
    if options.folder is not None or options.port == 0:
        return options.folder
    try:
        return cache.place(f"serve-{options.port}", make=True)
    except OSError:  # none can be kept: a temporary one
        return None


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host

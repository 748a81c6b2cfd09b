"""Wherever fsspec reaches, opened as a batch needs it: none remembers folders, none tries again."""

# fsspec is untyped:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import warnings
from typing import NamedTuple

from rgtsr.batch.failures import Unreachable, is_passing, reason
from rgtsr.batch.systems import servers
from rgtsr.batch.systems.local import Local
from rgtsr.batch.systems.servers import Server, Sftp
from rgtsr.batch.systems.stores import Store
from rgtsr.errors import RuntimeUnavailableError, UsageError

# botocore and s3fs try again too, each each other's times: here that is done once, for all stores
# and a file comes by one GET, not by several after a HEAD
ONCE = {"s3": {"config_kwargs": {"retries": {"total_max_attempts": 1}}, "max_concurrency": 1}}
INSISTING = {"gs", "gcs"}  # cannot be told so: it tries six times, half a minute in all
LOUD = ("gcsfs", "paramiko")  # they log, with tracebacks, what they also raise
SILENT = logging.NullHandler()
ENDING_S = 2.0  # for what was asked when the process is told to end


class Opened(NamedTuple):
    """A file system, what it calls the file of a URL, and what is before that in the URL."""

    system: Local | Store
    root: str
    head: str


@functools.lru_cache(maxsize=4096)
def opened(url: str) -> Opened:
    """What a URL, or a path, names. Raises as ``places.at``, or what may pass."""
    protocol, is_url, _ = url.partition("://")
    if not is_url:  # whatever is in the name: fsspec makes chains of ::
        return Opened(Local(), os.path.realpath(url), "")
    _prepare()
    try:
        return _far(url, protocol)
    except ImportError as error:
        raise RuntimeUnavailableError(f"{url}: {error}.") from error
    except ValueError as error:
        raise UsageError(f"{url}: {error}.") from error
    except Exception as error:  # of whatever client
        if is_passing(error):
            raise
        raise Unreachable(f"{url}: cannot be reached ({reason(error)}).") from error


def _far(url: str, protocol: str) -> Opened:
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem
    from fsspec.registry import get_filesystem_class, known_implementations

    if protocol in servers.PROTOCOLS:
        server, path = servers.address(url)
        return Opened(_server(server), path, server)
    options = ONCE.get(protocol, {})
    if all("://" in part or part in known_implementations for part in url.split("::")):
        system, root = url_to_fs(url, **options)
    else:  # :: in a name is no chain
        kind = get_filesystem_class(protocol)
        system = kind(**kind._get_kwargs_from_urls(url), **options)
        root = kind._strip_protocol(url)
    if protocol in ONCE:
        system.retries = 1
    if isinstance(system, LocalFileSystem):
        return Opened(Local(), os.path.realpath(root), "")
    head = system.unstrip_protocol(root).removesuffix(root)
    return Opened(Store(servers.forgetful(system)), root, head)


@functools.cache
def _prepare() -> None:
    for name in LOUD:
        logging.getLogger(name).addHandler(SILENT)
    atexit.register(_ask_no_more)
    # of what was about to be asked when the process was stopped
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)


def _ask_no_more() -> None:
    """What was asked when the process was stopped ends while it still can: torn down with the
    interpreter, clients fail, with tracebacks."""
    from fsspec import asyn

    loop = asyn.loop[0]
    if loop is not None and loop.is_running():
        with contextlib.suppress(KeyboardInterrupt, SystemExit, TimeoutError):
            asyncio.run_coroutine_threadsafe(_cancelled(), loop).result(2 * ENDING_S)


async def _cancelled() -> None:
    asked = asyncio.all_tasks() - {asyncio.current_task()}
    for each in asked:
        each.cancel()
    if asked:
        await asyncio.wait(asked, timeout=ENDING_S)


@functools.cache
def _server(url: str) -> Server:
    return (Sftp if url.partition("://")[0] in servers.SSH else Server)(url)

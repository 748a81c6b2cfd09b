"""A proxy before an object store that delays, drops, cuts and refuses, by a seeded die."""

import itertools
import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
BROKEN = b"<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>"
FULL = b"<Error><Code>XMinioStorageFull</Code><Message>No space is left.</Message></Error>"
UNKNOWN = b"<Error><Code>NotImplemented</Code><Message>Not implemented.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
KINDS = ("drop", "503", "unheard", "cut", "500", "429", "delay")
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "server", "date"}
DELAY_S = 0.05


class Faulty(ThreadingHTTPServer):
    """Passes requests on to ``port`` on this machine, a share of them not as they should be.

    ``denied``: a part of paths that nobody may have. ``faults``: what happened how often;
    ``asked``: the method and the path of each request.
    """

    daemon_threads = True

    def __init__(self, port: int, *, share: float, seed: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.to, self.share = port, share
        self.denied: str | None = None
        self.is_silent = self.is_full = False
        self.knows_conditions = True
        self.faults: Counter[str] = Counter()
        self.asked: list[tuple[str, str]] = []
        self._kinds = itertools.cycle(KINDS)
        self._die, self._lock = random.Random(seed), threading.Lock()

    def fault(self) -> str | None:
        """What is to go wrong now."""
        with self._lock:
            if self.is_silent:
                return "drop"
            if self._die.random() >= self.share:
                return None
            kind = next(self._kinds)
            self.faults[kind] += 1
            return kind

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nothing to speak of."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Faulty
    protocol_version = "HTTP/1.1"

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path))
        fault = self.server.fault()
        if self.server.denied is not None and self.server.denied in self.path:
            self._answer(403, [], DENIED)
        elif self.server.is_full and self.command in ("PUT", "POST"):
            self._answer(507, [], FULL)
        elif not self.server.knows_conditions and self.headers.get("If-None-Match"):
            self._answer(501, [], UNKNOWN)
        elif fault == "drop":
            self.close_connection = True
        elif fault in ("503", "500", "429"):
            self._answer(int(fault), [], BROKEN if fault == "500" else SLOW_DOWN)
        else:
            if fault == "delay":
                time.sleep(DELAY_S)
            status, headers, answer = self._passed_on(body)
            if fault == "unheard":  # it was done, and nobody is told
                self.close_connection = True
            else:
                self._answer(status, headers, answer, is_cut=fault == "cut" and len(answer) > 1)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_request

    def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.to, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, is_cut: bool = False
    ) -> None:
        self.send_response_only(status)
        has_length = False
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                has_length |= name.lower() == "content-length"
                self.send_header(name, value)
        if not has_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if is_cut else body)
        if is_cut:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing is told."""

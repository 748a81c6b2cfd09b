"""Ctrl-C, SIGTERM and a hang-up: heard at once where that can be, at the next tile where it cannot.

Python throws away what is raised inside a callback from C, and libvips calls back to log; there a
request to stop is kept until ``check`` is called. What is raised while a module is imported can
leave it half made, which crashes; there the request comes again a moment later.
"""

import signal
import threading
import time
from types import FrameType
from typing import NoReturn

CALLING_BACK = "pyvips"
IMPORTING = "importlib._bootstrap"
MOMENT_S = 0.02
DOUBLE_S = 3.0  # a repeated request is left to the first for so long, which ends within a tile

_asked: list[tuple[int, float]] = []  # which signal, and when


def listen() -> None:
    """Take signals as requests to stop: KeyboardInterrupt, or SystemExit with 128 + the signal.

    A hang-up that is ignored (by ``nohup``) stays so; Windows has none.
    """
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, _note)
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:
        signal.signal(hang_up, _note)


def check() -> None:
    """Stop if that was asked for."""
    if _asked:
        _stop(_asked[0][0])


def _note(signum: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        again = threading.Timer(MOMENT_S, signal.raise_signal, (signum,))
        again.daemon = True
        again.start()
        return
    now = time.monotonic()
    if _asked and now - _asked[-1][1] < DOUBLE_S:
        return  # unwinding that is broken off leaves threads behind, which abort the process
    _asked.append((signum, now))
    if _module(frame).partition(".")[0] != CALLING_BACK:
        _stop(signum)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if _module(frame) == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _module(frame: FrameType | None) -> str:
    return "" if frame is None else str(frame.f_globals.get("__name__"))


def _stop(signum: int) -> NoReturn:
    """Either unwinds the stack, so that drafts are removed."""
    if signum == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + signum)

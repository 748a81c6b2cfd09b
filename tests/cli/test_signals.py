"""A request to stop is never lost."""

import signal
from collections.abc import Iterator

import pytest

from rgtsr.cli import signals


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    signals.listen()
    yield
    signals._asked.clear()
    for which, handler in before.items():
        signal.signal(which, handler)


def test_it_is_heard_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(SystemExit, match="143"):
        signal.raise_signal(signal.SIGTERM)


def test_inside_a_callback_of_libvips_it_is_kept_for_the_next_tile() -> None:
    signals.check()
    inside = {"__name__": "pyvips", "raise_signal": signal.raise_signal}
    exec(f"raise_signal({int(signal.SIGINT)})", inside)
    with pytest.raises(KeyboardInterrupt):
        signals.check()

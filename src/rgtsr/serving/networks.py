"""The few upscalers that a service keeps open. Threads share them."""

import threading
from collections import Counter

from rgtsr.serving.asking import Network
from rgtsr.upscaler import Upscaler

MOST_OPEN = 3  # that nobody uses


class Networks:
    """Upscalers by what was asked for; those used last stay open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._upscalers: dict[Network, Upscaler] = {}
        self._users: Counter[Network] = Counter()

    def take(self, network: Network) -> Upscaler:
        """The upscaler for that, until ``leave``. Raises as Upscaler."""
        with self._lock:
            upscaler = self._upscalers.pop(network, None)
            if upscaler is None:
                model, scale, restore = network
                upscaler = Upscaler(model, scale=scale, restore=restore)
            self._upscalers[network] = upscaler
            self._users[network] += 1
            return upscaler

    def leave(self, network: Network) -> None:
        """Whoever took it needs it no more."""
        with self._lock:
            self._users[network] -= 1
            idle = [each for each in self._upscalers if self._users[each] <= 0]
            for each in idle[: max(0, len(self._upscalers) - MOST_OPEN)]:
                self._upscalers.pop(each).close()
                del self._users[each]

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            for upscaler in self._upscalers.values():
                upscaler.close()
            self._upscalers.clear()

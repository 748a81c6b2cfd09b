"""The weights of one family at every scale that there is, and the networks made of them.

Knows no pictures' samples. Sizes are (height, width).
"""

import threading
from collections.abc import Callable, Mapping
from typing import Literal

from rgtsr import weights
from rgtsr.upscaler import passes
from rgtsr.upscaler.choice import Choice
from rgtsr.upscaler.engine import Engine, Settings
from rgtsr.upscaler.restoring import Networks
from rgtsr.weights import Entry, Weights

MOST_NETWORKS = 3  # that stay compiled: most folders hold pictures of one kind or two

Size = tuple[int, int]
FinalSize = Callable[[Size], Size]  # of the input -> of the output


class Family:
    """One set of weights, those that go with it at other scales, and what runs them.

    ``siblings``: what else may be taken, by scale; ``choose`` makes of weights what runs them.
    """

    def __init__(
        self,
        own: Weights,
        restore: float | Literal["auto"],
        settings: Settings,
        *,
        siblings: Mapping[int, Entry],
        choose: Callable[[Weights], Choice],
    ) -> None:
        self.own = own
        self.restore: float | Literal["auto"] = restore
        self.settings = settings
        self._siblings = {
            scale: entry
            for scale, entry in siblings.items()
            if restore in ("auto", 0) or weights.photo_sibling(entry.name)
        }
        self._choose = choose
        self._lock = threading.Lock()
        self._known: dict[int, Networks] = {self.scale: Networks(own, restore)}
        self._engines: dict[tuple[int, float], Engine] = {}
        self._is_closed = False
        self.engine(self.scale, self.networks(self.scale).usual)  # what is lacking is said now

    @property
    def scale(self) -> int:
        """That of the weights which were asked for."""
        return self.own.variant.scale

    def digests(self) -> list[str]:
        """Of all weights that may run, sorted."""
        entries = list(self._siblings.values())
        names = [self.own.card.name, *(entry.name for entry in entries)] if self.restore else []
        entries += filter(None, map(weights.photo_sibling, names))
        return sorted({self.own.digest(), *(entry.sha256 for entry in entries)})

    def networks(self, scale: int) -> Networks:
        """The weights at that scale."""
        if scale not in self._known:
            self._known[scale] = Networks(weights.load(self._siblings[scale].path), self.restore)
        return self._known[scale]

    def engine(self, scale: int, share: float) -> Engine:
        """The network for that scale and share of restoring; the last few stay compiled."""
        networks = self.networks(scale)
        with self._lock:
            if self._is_closed:
                raise ValueError("this upscaler is closed: open another.")
            engine = self._engines.pop((scale, share), None)
            if engine is None:
                engine = Engine(self._choose(networks.at(share)), self.settings)
            self._engines[scale, share] = engine
            if len(self._engines) > MOST_NETWORKS:  # of the oldest; a thread may still be at it
                del self._engines[next(iter(self._engines))]
            return engine

    def way(self, size: Size, final_size: FinalSize | None) -> tuple[Size, tuple[int, ...]]:
        """The size that a picture gets, and the scales of the networks that take it there."""
        if final_size is None:
            return times(size, self.scale), passes.chain(self.scale, {self.scale})
        wanted = final_size(size)
        factor = max(wanted[0] / size[0], wanted[1] / size[1])
        return wanted, passes.chain(factor, {self.scale, *self._siblings})

    def engines(self, scales: tuple[int, ...], share: float) -> list[Engine]:
        """The networks of those scales, one after another, the first restoring by a share."""
        return [self.engine(scale, 0.0 if n else share) for n, scale in enumerate(scales)]

    def names(self, scales: tuple[int, ...]) -> tuple[str, ...]:
        """Of the weights at those scales."""
        return tuple(self.networks(scale).clean.card.name for scale in scales)

    def close(self) -> None:
        """Let go of the networks and of the memory that they hold."""
        with self._lock:
            self._is_closed = True
            for engine in self._engines.values():
                engine.close()


def times(size: Size, factor: int) -> Size:
    """A size so many times larger on each side."""
    return size[0] * factor, size[1] * factor

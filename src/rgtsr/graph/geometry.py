"""What of a graph depends on the size of its tiles, and on nothing else. Knows no layers.

Two implementations: ``fixed`` writes constants for one shape, ``any_size`` computes from the input.
P = N * H * W rows; R, C channels.
"""

from collections.abc import Callable
from typing import Protocol

from rgtsr.graph.builder import Size
from rgtsr.graph.order import Order, Window

Heads = tuple[int, int]  # how many, and how wide each
Step = Callable[[str, str, int], str]  # (name of the node, map, how many steps before) -> map
Attend = Callable[[str], str]  # queries (n, queries, heads, d) -> what they find, likewise


class Geometry(Protocol):
    """Tiles (N, 3, H, W) as the network sees them: sides too short for it are mirrored first."""

    @property
    def batch(self) -> Size: ...
    @property
    def height(self) -> Size: ...
    @property
    def width(self) -> Size: ...

    def order(self, window: Window, *, shifted: bool) -> Order:
        """The rows of all windows, windows of one shape together."""
        ...

    def recurred(self, name: str, value: str, step: Step) -> tuple[str, tuple[Size, Size]]:
        """A map after the T steps of the recursion, and its (height, width)."""
        ...

    def keys(self, name: str, k: str, v: str, /) -> tuple[str, str]:
        """Keys and values (N, M, heads, d) in a form that the runtimes attend to rightly."""
        ...

    def attended(self, name: str, queries: str, keys: str, heads: Heads, attend: Attend, /) -> str:
        """Rows of queries (P, R), attended as many at a time as is good: (n, ..., heads, d')."""
        ...

    def entered(self, tiles: str) -> str:
        """The graph's input as the network sees it."""
        ...

    def left(self, output: str, value: str, scale: int) -> str:
        """The graph's output: what the network made, without what was mirrored."""
        ...

    def shape(self, channels: int, scale: int = 1) -> tuple[Size, ...]:
        """What the graph declares of its input, or of its output: (N, channels, H * S, W * S)."""
        ...

"""How far a picture is, and what became of its tiles. Knows no samples."""

from collections.abc import Callable
from dataclasses import dataclass

OnProgress = Callable[[float, int], None]  # (tiles done, the last one in part; tiles in all)


def unheard(_done: float, _total: int) -> None:
    """Progress that nobody follows."""


@dataclass
class Tally:
    """One picture on its way: tiles are counted, and what memory or rounding made of them.

    ``redone``: tiles that were redone in float32; ``cut_px``: the side above which tiles are cut
    smaller from here on; ``together``: how many run at once at most; ``waited_s``: for the network;
    ``reused``: tiles that were known from the picture before.
    """

    on_progress: OnProgress
    total: int = 0
    done: int = 0
    redone: int = 0
    cut_px: int | None = None
    together: int | None = None
    waited_s: float = 0.0
    reused: int = 0

    def begin(self, total: int) -> None:
        """So many tiles it is going to be."""
        self.total = total
        self.on_progress(self.done, total)

    def add(self) -> None:
        """One more is done."""
        self.done += 1
        self.on_progress(self.done, self.total)

    def tell(self, share: float) -> None:
        """So much of a further tile is done."""
        self.on_progress(self.done + share, self.total)

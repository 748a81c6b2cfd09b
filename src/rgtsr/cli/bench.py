"""``rgtsr bench``: which runtime is fastest on this machine."""

from typing import Annotated

import typer

from rgtsr.cli import options
from rgtsr.cli.network import check_tiles, chosen
from rgtsr.cli.terminal import table

Tile = Annotated[
    int, typer.Option("--tile", metavar="PX", min=1, help="Side of the tile that is measured.")
]


def bench(
    model: options.Model = None,
    scale: options.WholeScale = None,
    tile: Tile = 192,
    device: options.Device = "auto",
) -> int:
    """Time every runtime that is installed; --runtime auto takes the fastest from then on."""
    from rgtsr import runtimes
    from rgtsr.runtimes import memory, probe

    check_tiles(tile, 0)
    weights = chosen(model, scale, repeated=False)
    shape = (1, 3, tile, tile)
    rows: list[tuple[str, ...]] = []
    for precision in runtimes.PRECISIONS:
        for timing in probe.measure(weights, precision, shape, device=device):
            opened = runtimes.open_runtime(
                weights, name=timing.runtime, precision=precision, device=timing.device
            )
            rows.append(
                (
                    timing.runtime,
                    timing.device,
                    precision,
                    f"{timing.seconds:.3f}",
                    f"{tile**2 / 1e6 / timing.seconds:.3f}",
                    memory.in_words(opened.needed_bytes(shape)),
                )
            )
    print(f"{weights.card.name} x{weights.variant.scale}, a tile of {tile} px")
    table(("runtime", "device", "precision", "seconds ", "megapixels/s in ", "memory "), rows)
    for name in runtimes.NAMES:
        if not runtimes.is_installed(name):
            print(f"{name} is not installed: pip install '{runtimes.EXTRAS[name]}'")
    return 0

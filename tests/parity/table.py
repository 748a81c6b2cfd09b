"""The parity table: which networks at which sizes; the network and the graph share it."""

import itertools
from dataclasses import replace

from rgtsr import variants
from rgtsr.variants import Variant

FAMILIES = tuple(variants.BASES)

SIZES = (
    (16, 16),
    (17, 23),
    (31, 32),
    (32, 33),
    (40, 56),
    (48, 64),
    (63, 65),
    (64, 64),
    (96, 50),
    (129, 77),
    (64, 1024),
    (20, 260),
    (272, 80),
)


def family(name: str, *, scale: int = 2) -> Variant:
    """A variant's widths with few blocks: both kinds of group, shifted and unshifted windows."""
    return replace(variants.find(name, scale=scale), depths=(3, 5))


def oddities() -> dict[str, Variant]:
    """Networks outside the named families: every hyper-parameter at an unusual value."""
    small = family("small")  # the smallest whose position bias depends on the position
    return {
        "3conv": replace(small, resi_connection="3conv"),
        "two heads": replace(small, heads=2),
        "eight heads": replace(small, heads=8),
        "square windows": replace(small, split=(8, 8)),
        "odd windows": replace(small, split=(5, 15)),
        "c_ratio 0.25": replace(small, c_ratio=0.25),
        "c_ratio 1": replace(small, c_ratio=1.0),
        "mlp_ratio 4": replace(small, mlp_ratio=4.0),
        "num_feat 32": replace(small, num_feat=32),
        "num_feat 48": replace(small, scale=4, num_feat=48),
        "mean 0.5": replace(small, mean_rgb=(0.5, 0.5, 0.5)),
    }


def banded_cases() -> dict[str, tuple[Variant, tuple[int, int], int]]:
    """What runs in bands as it runs at once: a network, a size, and the rows of a band."""
    cases = {name: (family(name), (70, 45), 32) for name in FAMILIES}
    for scale, connection in itertools.product((1, 2, 3, 4), ("1conv", "3conv")):
        variant = replace(family("small", scale=scale), resi_connection=connection)
        cases[f"x{scale} {connection}"] = (variant, (75, 40), 16)
    cases |= {name: (variant, (50, 37), 16) for name, variant in oddities().items()}
    sizes = ((9, 50), (16, 16), (133, 20), (64, 300))
    for size, band_px in itertools.product(sizes, (1, 40, 1000)):
        cases[f"{size[0]}x{size[1]} by {band_px}"] = (family("tiny"), size, band_px)
    return cases

"""The whole network in bands of rows through small graphs: any picture fits under a memory limit.

Exactly what the one graph makes. Three maps of the whole picture are held: a group's input, the
residual stream, and what a block makes of it. Knows no runtime.

Shapes: H, W of the picture, C channels, S scale; maps are (H, W, C).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rgtsr import variants
from rgtsr.graph.layers import Site, layer_norm, to_map, to_rows
from rgtsr.graph.rgt import ATTENTIONS, finished, reconstruction, residual, shallow_features
from rgtsr.graph.strips import Map, Open, Strips
from rgtsr.tiling import OnShare, bands, stepping, unheard
from rgtsr.variants import BlockPlan, ResiConnection, Variant, smallest_side
from rgtsr.weights import Weights

MAPS = 3
FLOAT_BYTES = 4
HALO = 1  # rows that a 3x3 convolution looks at above and below
RECONSTRUCTION_HALO = 3  # rows of the input that everything after the body looks at up and down
RESIDUAL_HALO: dict[ResiConnection, int] = {"1conv": 1, "3conv": 2}  # 3x3 convolutions in a row


def held_bytes(variant: Variant, shape_NCHW: tuple[int, ...]) -> int:
    """Of what is there as long as a picture is: the maps, the picture and all enlarged ones."""
    batch, _, height, width = shape_NCHW
    floats = MAPS * variant.channels + 3 + 2 * batch * 3 * variant.scale**2
    return floats * height * width * FLOAT_BYTES


def enlarged(
    weights: Weights,
    tiles_NCHW: NDArray[np.float32],
    *,
    band_px: int,
    open_graph: Open,
    on_share: OnShare = unheard,
) -> NDArray[np.float32]:
    """Pictures (N, 3, H, W) in 0..1, about ``band_px`` rows at a time: (N, 3, H * S, W * S).

    ``open_graph`` makes of a graph what runs it: arrays in, arrays out, in the graph's order. Below
    the height of a window ``band_px`` saves no more. ``on_share`` is told after each of
    ``variants.steps``.
    """
    strips = Strips(weights, open_graph, band_px)
    step = stepping(len(tiles_NCHW) * variants.steps(weights.variant), on_share)
    return np.stack([_picture(strips, tile_3HW, step) for tile_3HW in tiles_NCHW])


def _picture(
    strips: Strips, picture_3HW: NDArray[np.float32], step: Callable[[], object]
) -> NDArray[np.float32]:
    height, width = picture_3HW.shape[1:]
    variant, scale = strips.variant, strips.variant.scale
    picture = _mirrored_up_to(picture_3HW.transpose(1, 2, 0), smallest_side(height, width))
    shape = (*picture.shape[:2], variant.channels)
    entry, stream, made = (np.empty(shape, np.float32) for _ in range(MAPS))
    halo = RESIDUAL_HALO[variant.resi_connection]
    strips.fill(entry, _entry, picture, halo=HALO)
    for number, group in enumerate(variants.groups(variant)):
        source = entry
        for plan in group:
            strips.forget()
            ATTENTIONS[plan.kind].banded(strips, plan, source, made)
            step()
            strips.fill(stream, _finished, made, source, halo=HALO, plan=plan)
            step()
            source = stream
        strips.forget()
        at = f"layers.{number}.conv"
        strips.fill(entry, _residual, stream, halo=halo, add=True, at=at)
    strips.forget()
    strips.fill(made, _shallow, picture, halo=HALO)
    strips.fill(made, _deep, entry, halo=halo, add=True)
    enlarged_3HW = _reconstructed(strips, made)[:, : height * scale, : width * scale]
    step()
    return enlarged_3HW


def _reconstructed(strips: Strips, features: Map) -> NDArray[np.float32]:
    height, width, channels = features.shape
    scale, halo = strips.variant.scale, RECONSTRUCTION_HALO
    enlarged_3HW = np.empty((3, height * scale, width * scale), np.float32)
    for band in bands(height, strips.band_px):
        rows = features[band.around(halo)]
        (made,) = strips.run(_reconstruction, (len(rows), width), rows.reshape(-1, channels))
        inside = made[0, :, band.inside(halo, scale)]
        enlarged_3HW[:, band.top * scale : band.bottom * scale] = inside
    strips.forget()
    return enlarged_3HW


# The parts: rows of a strip in, rows out.


def _shallow(site: Site, rows: str) -> str:
    size = site.geometry.height, site.geometry.width
    value = shallow_features(site, to_map(site, "tiles", rows, size, 3))
    return to_rows(site, "shallow", value, site.variant.channels)


def _entry(site: Site, rows: str) -> str:
    return layer_norm(site, "before_RG.1", _shallow(site, rows))


def _finished(site: Site, attended: str, rows: str, *, plan: BlockPlan) -> str:
    return finished(site, plan, attended, rows)


def _residual(site: Site, rows: str, *, at: str) -> str:
    size, channels = (site.geometry.height, site.geometry.width), site.variant.channels
    value = residual(site, at, to_map(site, f"{at}/in", rows, size, channels))
    return to_rows(site, f"{at}/out", value, channels)


def _deep(site: Site, rows: str) -> str:
    return _residual(site, layer_norm(site, "norm", rows), at="conv_after_body")


def _reconstruction(site: Site, rows: str) -> str:
    size = site.geometry.height, site.geometry.width
    return reconstruction(site, to_map(site, "features", rows, size, site.variant.channels))


def _mirrored_up_to(picture: Map, side_px: int) -> Map:
    """Sides below ``side_px`` mirrored at the bottom and the right, the edge sample repeated."""
    pads = [(0, max(0, side_px - side)) for side in picture.shape[:2]]
    return np.pad(picture, [*pads, (0, 0)], mode="symmetric")

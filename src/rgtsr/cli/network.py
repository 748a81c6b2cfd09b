"""From what was said on the command line to an open Upscaler."""

from typing import TYPE_CHECKING, Literal

from rgtsr.errors import UnknownWeightsError, UsageError

if TYPE_CHECKING:
    from rgtsr.upscaler import Upscaler
    from rgtsr.weights import Weights

AUTO = "auto"


def chosen(model: str | None, scale: float | None, *, repeated: bool) -> "Weights":
    """The weights that -m and -s mean.

    Without a model, or with ``auto``: the default one at that scale; where there is none and it may
    be ``repeated`` to reach the scale, the default one. With a model and a whole scale: that model
    at that scale, or as it is where it may be ``repeated``.

    Raises:
        UnknownWeightsError: no such model, or not at that scale; it says what there is.
    """
    from rgtsr import weights
    from rgtsr.variants import SCALES

    whole_scale = int(scale) if scale in SCALES else None
    if model not in (None, AUTO):
        try:
            return weights.load(model, scale=whole_scale)
        except UnknownWeightsError:
            if not repeated:
                raise
            return weights.load(model)
    if repeated and whole_scale not in weights.DEFAULTS:
        whole_scale = None
    return weights.load(weights.default(whole_scale).path)


def opened(
    model: str | None,
    *,
    scale: float | None = None,
    repeated: bool = False,
    restore: float | Literal["auto"] = 0.0,
    tile_px: int | None = None,
    overlap_px: int | None = None,
    whole: bool = False,
    ensemble: bool = False,
    max_memory_bytes: int | None = None,
    precision: str = "auto",
    runtime: str = "auto",
    device: str = "auto",
) -> "Upscaler":
    """An Upscaler by options; None stands for the default.

    Raises:
        UsageError: for tiles that are impossible, or asked for together with ``whole``.
        UnknownWeightsError, WeightsError, RuntimeUnavailableError: as Upscaler.
    """
    from rgtsr import upscaler
    from rgtsr.upscaler.planning import OVERLAP_PX, TILE_PX

    if whole and (tile_px is not None or overlap_px is not None):
        raise UsageError("--whole and --tile or --overlap exclude each other.")
    settings = upscaler.Settings(
        tile_px=tile_px,
        overlap_px=OVERLAP_PX if overlap_px is None else overlap_px,
        whole=whole,
        ensemble=ensemble,
        max_memory_bytes=max_memory_bytes,
    )
    check_tiles(TILE_PX if tile_px is None else tile_px, overlap_px or 0)
    own = chosen(model, scale, repeated=repeated)
    is_default = model in (None, AUTO)
    return upscaler.Upscaler(
        None if is_default else own,
        scale=own.variant.scale if is_default else None,
        restore=restore,
        runtime=runtime,
        device=device,
        precision=precision,
        settings=settings,
    )


def check_tiles(tile_px: int, overlap_px: int) -> None:
    """Raises UsageError for tiles that cannot be, by the names of the options."""
    from rgtsr import tiling

    try:
        tiling.plan(1, 1, tile_px=tile_px, overlap_px=overlap_px)
    except UsageError as error:
        line = str(error).replace("tile_px", "--tile").replace("overlap_px", "--overlap")
        raise UsageError(line) from error

"""The heart, with a runtime that repeats pixels: the result is then the picture repeated."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fakes import Repeating
from rgtsr import pictures, tiling, variants, weights
from rgtsr.errors import OutOfMemoryError, PictureError, RgtsrError, UnknownWeightsError, UsageError
from rgtsr.pictures import Metadata, Picture
from rgtsr.runtimes import Runtime, memory
from rgtsr.upscaler import Settings, Upscaler
from rgtsr.upscaler.ensemble import symmetries

TINY = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)


def repeating(runtime: Repeating | None = None, **changes: object) -> Upscaler:
    settings = Settings(**changes)
    runtime = runtime or Repeating()
    runtime.limit_bytes = settings.max_memory_bytes
    return Upscaler(TINY, runtime=runtime, settings=settings)


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> NDArray[np.generic]:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def repeated(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.repeat(2, 0).repeat(2, 1)


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(16, 60),
    st.sampled_from([1, 3]),
    st.sampled_from([np.uint8, np.uint16]),
)
def test_every_tile_size_gives_the_picture_repeated_exactly(
    height: int, width: int, tile: int, channels: int, dtype: type
) -> None:
    array = noise(height, width, channels, dtype=dtype)
    upscaler = repeating(tile_px=tile, overlap_px=tile // 3)
    assert np.array_equal(upscaler.upscale(Picture.from_array(array)).pixels_HWC, repeated(array))


@pytest.mark.parametrize("settings", [{"whole": True}, {"ensemble": True, "tile_px": 16}])
def test_whole_and_ensemble_give_the_picture_repeated_exactly(
    settings: dict[str, object],
) -> None:
    array = noise(30, 45, 3)
    upscaler = repeating(**({"overlap_px": 4} | settings))
    assert np.array_equal(upscaler.upscale(Picture.from_array(array)).pixels_HWC, repeated(array))


@pytest.mark.parametrize("colours", [1, 3])
def test_alpha_is_enlarged_and_does_not_darken_what_is_solid(colours: int) -> None:
    alpha = np.zeros((40, 40), np.uint8)
    alpha[10:30, 10:30] = 255
    pixels = np.where(alpha[..., None] > 0, 200, 0).astype(np.uint8).repeat(colours, 2)
    enlarged = repeating(tile_px=24, overlap_px=8).upscale(Picture(pixels, alpha))
    assert enlarged.alpha_HW is not None
    assert np.array_equal(enlarged.alpha_HW, repeated(alpha))
    assert (enlarged.pixels_HWC == 200).all(), "colours extend below what is clear: no dark fringe"


def test_a_file_never_replaces_itself(tmp_path: Path) -> None:
    pictures.write(Picture.from_array(noise(20, 20, 3)), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    (tmp_path / "linked.png").symlink_to("a.png")
    for target in ("a.png", "linked.png"):
        with pytest.raises(UsageError, match="would replace its own source"):
            repeating().upscale_file(tmp_path / "a.png", tmp_path / target)
    assert (tmp_path / "a.png").read_bytes() == before


def test_what_the_format_cannot_hold_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    pictures.write(Picture.from_array(noise(20, 9000, 3)), tmp_path / "wide.png")
    cut = (tmp_path / "wide.png").read_bytes()[:5000]
    (tmp_path / "wide.png").write_bytes(cut)
    for name, reason in (("x.webp", "WebP holds at most 16383"), ("x.tif", "damaged")):
        with pytest.raises(PictureError, match=reason):
            repeating().upscale_file(tmp_path / "wide.png", tmp_path / name)


def test_metadata_is_carried_along() -> None:
    metadata = Metadata(xmp=b"<x/>")
    picture = Picture.from_array(noise(20, 20, 3), metadata)
    assert repeating().upscale(picture).metadata == metadata


def test_progress_counts_every_tile() -> None:
    seen: list[tuple[int, int]] = []
    picture = Picture.from_array(noise(50, 70, 4))
    repeating(tile_px=32, overlap_px=8).upscale(
        picture, on_progress=lambda *counts: seen.append(counts)
    )
    total = 2 * tiling.plan(50, 70, tile_px=32, overlap_px=8).count
    assert seen == [(done, total) for done in range(total + 1)]


def test_what_was_planned_is_run_whatever_becomes_of_memory_meanwhile(tmp_path: Path) -> None:
    """Rooms come one after the other, as if other programs took it."""
    rooms = iter([900, 700, 100, 60, 40, 30] * 10)

    class Shrinking(Repeating):
        def room_bytes(self) -> int:
            return next(rooms) << 20

    upscaler = repeating(Shrinking(pixel_bytes=30_000))
    picture = Picture.from_array(noise(200, 300, 4))
    pictures.write(picture, tmp_path / "in.png")
    for wanted in (lambda size: (2 * size[0], 2 * size[1])), (lambda size: (4 * size[0], 700)):
        seen: list[tuple[int, int]] = []
        upscaler.upscale_file(
            tmp_path / "in.png",
            tmp_path / "out.png",
            final_size=wanted,
            on_progress=lambda *counts, seen=seen: seen.append(counts),
        )
        total = seen[0][1]
        # the last is told again while the file is encoded, if that takes a moment
        assert list(dict.fromkeys(seen)) == [(done, total) for done in range(total + 1)]


def test_symmetries_are_eight_and_each_undoes_itself() -> None:
    x = noise(1, 3, 4, 7).astype(np.float32)
    turned = [there(x) for there, _ in symmetries()]
    assert len({t.tobytes() + bytes(t.shape) for t in turned}) == 8
    assert all(np.array_equal(back(there(x)), x) for there, back in symmetries())


def with_fallback(broken: Runtime, exact: Runtime, monkeypatch: pytest.MonkeyPatch) -> Upscaler:
    """An upscaler whose reduced-precision runtime is ``broken``; float32 opens ``exact``."""
    opened = {"bf16": broken, "float32": exact}
    monkeypatch.setattr(
        "rgtsr.runtimes.open_runtime", lambda _, *, precision, **__: opened[precision]
    )
    return Upscaler(TINY, precision="bf16")


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), 0.0])
def test_a_tile_without_a_usable_result_is_redone_in_float32_and_reported(
    broken: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upscaler = with_fallback(Repeating(broken=broken), Repeating(), monkeypatch)
    array = noise(20, 30, 3)
    pictures.write(Picture.from_array(array), tmp_path / "in.png")
    report = upscaler.upscale_file(tmp_path / "in.png", tmp_path / "out.png")
    assert report.notes == ("1 of 1 tiles were redone in float32",)
    assert np.array_equal(pictures.read(tmp_path / "out.png").pixels_HWC, repeated(array))


def test_what_was_redone_is_warned_of_where_there_is_no_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upscaler = with_fallback(Repeating(broken=0.0), Repeating(), monkeypatch)
    with pytest.warns(UserWarning, match="1 of 1 tiles were redone in float32"):
        upscaler.upscale(Picture.from_array(noise(20, 30, 3)))


def test_a_result_that_is_unusable_in_float32_too_is_never_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Repeating(broken=float("nan"))
    upscaler = with_fallback(nothing, nothing, monkeypatch)
    pictures.write(Picture.from_array(noise(20, 30, 3)), tmp_path / "in.png")
    with pytest.raises(RgtsrError, match="not finite or constant"):
        upscaler.upscale_file(tmp_path / "in.png", tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_a_flat_picture_is_not_taken_for_a_failure() -> None:
    flat = np.full((40, 40, 3), 128, np.uint8)
    upscaler = repeating()
    assert (upscaler.upscale(Picture.from_array(flat)).pixels_HWC == 128).all()


@pytest.mark.parametrize(
    ("final", "passes"), [((60, 80), 1), ((75, 100), 2), ((30, 40), 1), ((160, 200), 3)]
)
def test_an_exact_size_takes_as_many_passes_as_it_needs(
    final: tuple[int, int], passes: int, tmp_path: Path
) -> None:
    pictures.write(Picture.from_array(noise(30, 40, 3)), tmp_path / "in.png")
    report = repeating().upscale_file(
        tmp_path / "in.png", tmp_path / "out.png", final_size=lambda _: final
    )
    assert report.size == pictures.read(tmp_path / "out.png").size == final
    assert len(report.models) == passes


def test_a_file_is_written_in_bands_that_equal_the_picture(tmp_path: Path) -> None:
    array = noise(100, 60, 4)
    pictures.write(Picture.from_array(array), tmp_path / "in.png")
    upscaler = repeating(tile_px=32, overlap_px=8)
    upscaler.upscale_file(tmp_path / "in.png", tmp_path / "out.png")
    enlarged = upscaler.upscale(pictures.read(tmp_path / "in.png"))
    written = pictures.read(tmp_path / "out.png")
    assert np.array_equal(written.to_array(), enlarged.to_array())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_that_is_not_held_becomes_the_same(dtype: type, tmp_path: Path) -> None:
    real = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=1)
    upscaler = Upscaler(real, precision="float32", settings=Settings(tile_px=32, overlap_px=8))
    pictures.write(Picture.from_array(noise(200, 70, 3, dtype=dtype)), tmp_path / "in.png")
    for name, held_px in (("a.png", None), ("b.png", 0)):
        upscaler.upscale_file(tmp_path / "in.png", tmp_path / name, held_px=held_px)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_file_takes_the_memory_of_two_rows_of_tiles_not_that_of_the_canvas(
    tmp_path: Path,
) -> None:
    height, width, tile_px = 3000, 200, 32
    pictures.write(Picture.from_array(noise(height, width, 3)), tmp_path / "in.png")
    upscaler = repeating(tile_px=tile_px, overlap_px=8)
    tracemalloc.start()
    upscaler.upscale_file(tmp_path / "in.png", tmp_path / "out.png")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    enlarged_row_bytes = 2 * width * 3 * 4
    two_rows_of_tiles_bytes = 2 * (2 * tile_px) * enlarged_row_bytes
    input_bytes = 2 * height * width * 3  # read and decoded
    assert peak_bytes < input_bytes + 2 * two_rows_of_tiles_bytes
    assert peak_bytes < 2 * height * enlarged_row_bytes / 3


def test_the_network_sees_the_picture_mirrored_around_it_unless_it_is_run_whole() -> None:
    real = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=1)
    array = noise(48, 48, 3)
    one_tile = Upscaler(real, precision="float32").upscale(Picture.from_array(array))
    around = np.pad(array, ((8, 8), (8, 8), (0, 0)), "symmetric")
    whole = Upscaler(real, precision="float32", settings=Settings(whole=True))
    enlarged = whole.upscale(Picture.from_array(around)).pixels_HWC
    assert np.array_equal(one_tile.pixels_HWC, enlarged[16:-16, 16:-16])


@pytest.mark.parametrize("name", [entry.name for entry in weights.listing()])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (40, 70)])
def test_solid_colours_have_no_borders(name: str, size: tuple[int, int]) -> None:
    with Upscaler(name, precision="float32") as upscaler:
        for color in ([255, 255, 255], [255, 0, 0], [0, 0, 255], [30, 90, 60]):
            solid = np.full((*size, 3), color, np.uint8)
            enlarged = upscaler.upscale(Picture.from_array(solid)).pixels_HWC.astype(int)
            assert np.ptp(enlarged, axis=(0, 1)).max() <= 1
            assert np.abs(enlarged - color).max() <= 3  # these weights are no better inside


@pytest.mark.parametrize("value", [0, 137, 255])
def test_alpha_that_is_the_same_everywhere_stays_so_and_costs_nothing(value: int) -> None:
    array, runtime = noise(50, 70, 4), Repeating()
    array[..., 3] = value
    enlarged = repeating(runtime, tile_px=32, overlap_px=8).upscale(Picture.from_array(array))
    assert enlarged.alpha_HW is not None
    assert (enlarged.alpha_HW == value).all()
    assert enlarged.alpha_HW.shape == (100, 140)
    assert runtime.seen == tiling.plan(50, 70, tile_px=32, overlap_px=8).count


def test_several_threads_may_use_one_upscaler() -> None:
    upscaler = Upscaler(TINY, runtime="openvino", precision="float32")
    photos = [Picture.from_array(noise(30 + 40 * (i % 3), 50, 3, seed=i)) for i in range(12)]
    alone = [upscaler.upscale(photo).pixels_HWC for photo in photos]
    with ThreadPoolExecutor(4) as threads:
        together = [made.pixels_HWC for made in threads.map(upscaler.upscale, photos)]
    assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))


def test_one_pictures_shortage_of_memory_changes_no_other() -> None:
    runtime = Repeating(room_px=40)
    upscaler = repeating(runtime, tile_px=128)
    array = noise(300, 270, 3)
    with pytest.warns(UserWarning, match="memory was short"):
        upscaler.upscale(Picture.from_array(array))
    runtime.room_px, runtime.seen = None, 0
    upscaler.upscale(Picture.from_array(array))
    assert runtime.seen == tiling.plan(300, 270, tile_px=128, overlap_px=16).count


def test_a_closed_upscaler_says_so() -> None:
    with repeating() as upscaler:
        upscaler.upscale(Picture.from_array(noise(20, 20, 3)))
    with pytest.raises(ValueError, match="closed"):
        upscaler.upscale(Picture.from_array(noise(20, 20, 3)))


def test_settings_hold_for_good() -> None:
    upscaler = repeating(tile_px=32)
    with pytest.raises(AttributeError):
        upscaler.settings = Settings()
    with pytest.raises(AttributeError):
        upscaler.settings.tile_px = 64
    assert upscaler.settings.tile_px == 32


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_every_scale_runs_end_to_end(scale: int) -> None:
    real = weights.random(replace(variants.find("tiny", scale=scale), depths=(1, 1)), seed=1)
    enlarged = Upscaler(real).upscale(Picture.from_array(noise(20, 33, 3)))
    assert enlarged.size == (20 * scale, 33 * scale)


@pytest.mark.parametrize("room_px", [100, 60, 40])
def test_where_memory_is_out_tiles_are_cut_smaller_and_it_is_said_once(
    tmp_path: Path, room_px: int
) -> None:
    array = noise(300, 270, 3)
    pictures.write(Picture.from_array(array), tmp_path / "in.png")
    runtime = Repeating(room_px=room_px)
    report = repeating(runtime, tile_px=128).upscale_file(tmp_path / "in.png", tmp_path / "out.png")
    assert np.array_equal(pictures.read(tmp_path / "out.png").pixels_HWC, repeated(array))
    assert [note for note in report.notes if "memory was short: tiles of" in note] == list(
        report.notes
    )
    failed = runtime.seen
    runtime.room_px = None
    runtime.seen = 0
    repeating(runtime, tile_px=room_px, overlap_px=16).upscale(Picture.from_array(array))
    assert failed > runtime.seen / 2  # the picture was made of small tiles


def test_where_not_even_small_tiles_fit_the_error_comes_through() -> None:
    with pytest.raises(OutOfMemoryError, match="no more"):
        repeating(Repeating(room_px=20), tile_px=64).upscale(Picture.from_array(noise(80, 80, 3)))


def test_a_whole_picture_is_never_cut() -> None:
    with pytest.raises(OutOfMemoryError, match="no more"):
        repeating(Repeating(room_px=60), whole=True).upscale(Picture.from_array(noise(80, 80, 3)))


def test_the_tile_is_the_largest_that_the_limit_leaves_room_for() -> None:
    picture = Picture.from_array(noise(400, 300, 3))
    sides: list[int] = []
    for room_mib in (1000, 100, 40):
        limit = memory.used_bytes() + (room_mib << 20)
        upscaler = repeating(Repeating(pixel_bytes=5000), max_memory_bytes=limit)
        assert np.array_equal(upscaler.upscale(picture).pixels_HWC, repeated(picture.pixels_HWC))
        sides.append(upscaler._family.engine(2, 0.0).plan(picture.size).tile[0])
    assert sides[0] == 192
    assert 192 > sides[1] > sides[2] >= 32


def test_an_impossible_limit_says_what_would_do() -> None:
    upscaler = repeating(Repeating(pixel_bytes=1 << 20), max_memory_bytes=1 << 20)
    with pytest.raises(OutOfMemoryError, match=r"1 MiB of memory are too little: .* at least"):
        upscaler.upscale(Picture.from_array(noise(400, 300, 3)))


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_a_whole_picture_beyond_the_limit_runs_band_by_band_with_the_same_result(
    runtime: str,
) -> None:
    real = weights.random(replace(variants.find("tiny"), depths=(2, 2)), seed=1)
    picture = Picture.from_array(noise(400, 300, 3))
    exact = partial(Upscaler, real, runtime=runtime, precision="float32")
    free = exact(settings=Settings(whole=True)).upscale(picture)
    limit = memory.used_bytes() + (330 << 20)  # bands need 241 MiB, the whole 415 and more
    told: list[float] = []
    made = exact(settings=Settings(whole=True, max_memory_bytes=limit)).upscale(
        picture, on_progress=lambda done, _: told.append(done)
    )
    assert (told[0], told[-1]) == (0, 1)
    assert told == sorted(told)
    difference = made.pixels_HWC.astype(int) - free.pixels_HWC
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 1e-3


def test_each_turn_of_a_whole_picture_in_an_ensemble_is_a_part_of_it() -> None:
    told: list[float] = []
    repeating(whole=True, ensemble=True).upscale(
        Picture.from_array(noise(40, 30, 3)), on_progress=lambda done, _: told.append(done)
    )
    assert told == [*(turn / 8 for turn in range(9)), 1]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_tiles_in_batches_give_the_same_picture_in_fewer_runs(batch: int) -> None:
    array = noise(100, 300, 3)
    runtime = Repeating(batch=batch)
    made = repeating(runtime, tile_px=32, overlap_px=8).upscale(Picture.from_array(array))
    assert np.array_equal(made.pixels_HWC, repeated(array))
    tiles = tiling.plan(100, 300, tile_px=32, overlap_px=8).count
    assert runtime.seen == -(-tiles // batch)


def test_a_batch_for_which_memory_is_out_runs_tile_by_tile_and_later_ones_are_smaller() -> None:
    array = noise(100, 600, 3)
    runtime = Repeating(batch=4, room_px=2 * 32)
    made = repeating(runtime, tile_px=32, overlap_px=8).upscale(Picture.from_array(array))
    assert np.array_equal(made.pixels_HWC, repeated(array))
    tiles = tiling.plan(100, 600, tile_px=32, overlap_px=8).count
    assert runtime.seen == 1 + 4 + -(-(tiles - 4) // 2)  # a failure, its four, then two at a time


def test_a_scale_takes_that_one_of_the_family() -> None:
    with Upscaler(scale=4) as default, Upscaler("swift-x2", scale=3) as named:
        assert (default.weights.card.name, default.restores) == ("swift-x4", True)
        assert (named.weights.card.name, named.scale) == ("swift-x3", 3)
    assert Upscaler(TINY, runtime=Repeating(), scale=2).scale == 2
    with pytest.raises(UnknownWeightsError, match="enlarges 2 times, not 3 times"):
        Upscaler(TINY, runtime=Repeating(), scale=3)
    with pytest.raises(UnknownWeightsError, match="swift has x2, x3, x4"):
        Upscaler("swift-x2", scale=1)


def test_a_forecast_counts_the_tiles_that_then_run(tmp_path: Path) -> None:
    upscaler = repeating(tile_px=32, overlap_px=8)
    pictures.write(Picture.from_array(np.zeros((70, 90, 3), np.uint8)), tmp_path / "a.png")
    for final_size in (None, lambda size: (size[0] * 5, size[1] * 5)):
        forecast = upscaler.forecast((70, 90), final_size)
        told: list[tuple[int, int]] = []
        report = upscaler.upscale_file(
            tmp_path / "a.png",
            tmp_path / "b.png",
            final_size=final_size,
            on_progress=lambda done, total, told=told: told.append((done, total)),
        )
        assert (forecast.size, forecast.models) == (report.size, report.models)
        assert told[-1] == (forecast.tiles, forecast.tiles)
        assert forecast.pixels == 70 * 90 * (1 if final_size is None else 1 + 4 + 16)

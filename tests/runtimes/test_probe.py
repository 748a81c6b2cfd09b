"""Which runtime is fastest here: measured for real, remembered, used."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rgtsr import Picture, Settings, Upscaler, runtimes, variants, weights
from rgtsr.runtimes import memory, probe
from rgtsr.upscaler import choice

SHAPE = (1, 3, 32, 32)
TINY = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)
MANY_PX = 32 * int(choice.PROBE_FROM_TILES**0.5)  # a side of this makes that many tiles of 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_every_installed_runtime_is_timed_and_the_fastest_remembered() -> None:
    assert probe.known(TINY, "float32", SHAPE) is None
    timings = probe.measure(TINY, "float32", SHAPE)
    assert {timing.runtime for timing in timings} == {
        name for name in runtimes.NAMES if runtimes.is_installed(name)
    }
    assert timings == sorted(timings, key=lambda timing: timing.seconds)
    assert probe.known(TINY, "float32", SHAPE) == timings[0]


def test_what_was_measured_holds_for_that_network_precision_and_shape_alone() -> None:
    probe.measure(TINY, "float32", SHAPE)
    other = weights.random(replace(TINY.variant, depths=(1, 2)), seed=0)
    assert probe.known(other, "float32", SHAPE) is None
    assert probe.known(TINY, "bf16", SHAPE) is None
    assert probe.known(TINY, "float32", (1, 3, 33, 32)) is None


@pytest.mark.parametrize(
    "content",
    [
        "{not",
        "[1, 2]",
        "7",
        "[]",
        '[{"runtime": "nonsense", "device": "cpu", "precision": "float32", "seconds": 1}]',
    ],
)
def test_a_damaged_memory_is_as_good_as_none(content: str, own_cache: Path) -> None:
    probe.measure(TINY, "float32", SHAPE)
    (file,) = own_cache.glob("*.probe")
    file.write_text(content)
    assert probe.known(TINY, "float32", SHAPE) is None


def test_auto_takes_what_was_found_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe.Timing("onnxruntime", "cpu", "float32", 0.1)
    monkeypatch.setattr(probe, "known", lambda *_: found)
    upscaler = Upscaler(TINY, precision="float32")
    upscaler.upscale(picture(40))
    assert upscaler._family.engine(2, 0.0).runtime.name == "onnxruntime"
    named = Upscaler(TINY, runtime="openvino")
    named.upscale(picture(40))
    assert named._family.engine(2, 0.0).runtime.name == "openvino"


def test_auto_measures_where_there_is_work_enough(own_cache: Path) -> None:
    Upscaler(TINY, settings=Settings(tile_px=32, overlap_px=0)).upscale(picture(64))
    assert not list(own_cache.glob("*.probe"))
    Upscaler(TINY, settings=Settings(tile_px=32, overlap_px=0)).upscale(picture(MANY_PX))
    assert list(own_cache.glob("*.probe"))


def test_auto_measures_once_there_is_work_enough_whatever_came_before(own_cache: Path) -> None:
    upscaler = Upscaler(TINY, settings=Settings(tile_px=32, overlap_px=0))
    upscaler.upscale(picture(40))
    assert not list(own_cache.glob("*.probe"))
    upscaler.upscale(picture(MANY_PX))
    (measured,) = own_cache.glob("*.probe")
    measured.unlink()
    upscaler.upscale(picture(MANY_PX))
    assert not list(own_cache.glob("*.probe")), "the choice stands"


def test_where_there_is_one_runtime_nothing_is_measured(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "NAMES", ("openvino",))
    Upscaler(TINY, settings=Settings(tile_px=32, overlap_px=0)).upscale(picture(MANY_PX))
    assert not list(own_cache.glob("*.probe"))


def test_on_a_device_that_was_asked_for_no_other_is_timed(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = probe.candidates

    def candidates(device: str = "auto") -> Iterator[tuple[str, str]]:
        asked.append(device)
        return real(device)

    monkeypatch.setattr(probe, "candidates", candidates)
    upscaler = Upscaler(TINY, device="cpu", settings=Settings(tile_px=32, overlap_px=0))
    upscaler.upscale(picture(MANY_PX))
    assert set(asked) == {"cpu"}
    shape = (1, 3, 32, 32)
    precision = upscaler._family.engine(2, 0.0).runtime.precision
    assert probe.known(TINY, precision, shape, "cpu") is not None
    assert probe.known(TINY, precision, shape, "auto") is None


def test_what_does_not_fit_into_a_limit_is_left_out_and_nothing_is_remembered(
    own_cache: Path,
) -> None:
    shape = (1, 3, 384, 384)  # openvino needs 484 MiB for it, onnxruntime 1540
    limit = memory.used_bytes() + (1000 << 20)
    timings = probe.measure(TINY, "float32", shape, device="cpu", max_memory_bytes=limit)
    found = {timing.runtime for timing in timings}
    assert "openvino" in found
    assert "onnxruntime" not in found
    none = probe.measure(TINY, "float32", shape, device="cpu", max_memory_bytes=1 << 20)
    assert none == []
    assert not list(own_cache.glob("*.probe"))


def test_the_limit_of_an_upscaler_is_that_of_its_probe(own_cache: Path) -> None:
    limit = memory.used_bytes() + (1000 << 20)
    settings = Settings(tile_px=32, overlap_px=0, max_memory_bytes=limit)
    Upscaler(TINY, settings=settings).upscale(picture(MANY_PX))
    assert not list(own_cache.glob("*.probe")), "what was left out for want of memory may be fast"


def picture(side: int) -> Picture:
    rng = np.random.default_rng(0)
    return Picture.from_array(rng.integers(0, 255, (side, side, 3), np.uint8))

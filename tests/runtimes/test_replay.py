"""Many tiles on a GPU, as far as a CPU can tell: what comes back, and who waits for whom."""

from typing import Any

import numpy as np
import pytest
import torch

from rgtsr import Picture, Settings, Upscaler, network, tiling, variants, weights
from rgtsr.runtimes import torch as torch_runtime
from rgtsr.runtimes.replay import TOGETHER, Replay, Slot
from rgtsr.runtimes.torch import TorchRuntime

CPU = torch.device("cpu")
TINY = weights.random(variants.find("tiny"), seed=0)


def tiles(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 3, 16, 24), dtype=np.float32)


@pytest.mark.parametrize("count", [1, TOGETHER, TOGETHER + 1, 5 * TOGETHER + 3])
@pytest.mark.parametrize("together", [1, 3, TOGETHER])
def test_tiles_come_back_in_their_order_however_many(count: int, together: int) -> None:
    with torch.inference_mode():
        shape = (together, 3, 16, 24)
        twice = Replay(lambda x: x.repeat_interleave(2, 2), shape, CPU, torch.cpu)
        enlarged = twice(tiles(count))
        again = twice(tiles(3))
    assert np.array_equal(enlarged, tiles(count).repeat(2, 2))
    assert np.array_equal(again, tiles(3).repeat(2, 2))


class Device:
    """Streams and events that write down who records, who waits, and what the host waits for."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, int]] = []
        self.made = 0
        self.current = 0
        self.Stream = lambda: Named(self)
        self.Event = lambda: Named(self)

    def stream(self, stream: "Named") -> "Named":
        return stream

    def synchronize(self) -> None:
        pass


class Named:
    """A stream or an event with a number."""

    def __init__(self, device: Device) -> None:
        self.device, self.number = device, device.made
        device.made += 1

    def __enter__(self) -> None:
        self.device.current = self.number

    def __exit__(self, *_: object) -> None:
        self.device.current = 0

    def wait_event(self, event: "Named") -> None:
        self.device.log.append(("wait", self.number, event.number))

    def record(self) -> None:
        self.device.log.append(("record", self.device.current, self.number))

    def synchronize(self) -> None:
        self.device.log.append(("host", 0, self.number))


def test_each_pass_waits_for_its_tiles_and_the_host_for_what_it_takes_home() -> None:
    device: Any = Device()
    Replay(lambda x: x, (TOGETHER, 3, 16, 24), CPU, device)(tiles(3 * TOGETHER))
    there, running, back = 0, 1, 2
    arrived, ran, home = (3, 6), (4, 7), (5, 8)  # of the two slots

    def sent(slot: int) -> list[tuple[str, int, int]]:
        return [
            ("record", there, arrived[slot]),
            ("wait", running, arrived[slot]),
            ("record", running, ran[slot]),
            ("wait", back, ran[slot]),
            ("record", back, home[slot]),
        ]

    # two passes are under way before the host waits; a slot is used again once it is home
    first_home = [("host", 0, home[0])]
    rest = [("host", 0, home[1]), ("host", 0, home[0])]
    assert device.log == [*sent(0), *sent(1), *first_home, *sent(0), *rest]


def test_a_runtime_records_the_size_that_comes_many_times_and_lets_it_go_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_runtime, "RECORDED_FROM", 2 * TOGETHER)
    runtime = TorchRuntime(TINY, "float32", CPU, None)
    plain = runtime.upscale_tiles(tiles(TOGETHER))
    assert runtime.replay_of(tiles(TOGETHER)) is None
    recorded = runtime.replay_of(tiles(TOGETHER))
    assert recorded is not None
    with torch.inference_mode():
        assert np.abs(recorded(tiles(TOGETHER)) - plain).max() <= 2e-5
    assert runtime.replay_of(tiles(1)) is recorded
    assert runtime.replay_of(np.zeros((9, 3, 32, 32), np.float32)) is None


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many tiles each pass is for, and how many it was given; all are recorded."""
    seen: list[tuple[int, int]] = []

    class Counted(Replay):
        def _send(self, part_NCHW: np.ndarray, slot: Slot) -> None:
            seen.append((len(self._tiles), len(part_NCHW)))
            super()._send(part_NCHW, slot)

    monkeypatch.setattr(torch_runtime, "Replay", Counted)
    monkeypatch.setattr(torch_runtime, "RECORDED_FROM", 1)
    return seen


def replaying(monkeypatch: pytest.MonkeyPatch) -> TorchRuntime:
    """As on a GPU."""
    runtime = TorchRuntime(TINY, "float32", CPU, None)
    monkeypatch.setattr(runtime, "_replays", True)
    monkeypatch.setattr(runtime, "batch_tiles", lambda _: torch_runtime.FEW)
    return runtime


def test_a_plan_of_few_columns_runs_in_full_passes(
    monkeypatch: pytest.MonkeyPatch, passes: list[tuple[int, int]]
) -> None:
    settings = Settings(tile_px=32, overlap_px=4)
    plan = tiling.plan(80, 150, tile_px=32, overlap_px=4)
    assert (len(plan.rows.starts), len(plan.columns.starts)) == (4, 6)
    array = np.random.default_rng(0).integers(0, 256, (80, 150, 3), np.uint8)
    picture = Picture.from_array(array)
    made = Upscaler(TINY, runtime=replaying(monkeypatch), settings=settings).upscale(picture)
    assert passes == 3 * [(8, 8)]
    plain = TorchRuntime(TINY, "float32", CPU, None)
    exact = Upscaler(TINY, runtime=plain, settings=settings).upscale(picture)
    assert np.abs(made.pixels_HWC.astype(int) - exact.pixels_HWC).max() <= 1


def test_a_pass_is_for_as_many_tiles_as_have_come_at_once(
    monkeypatch: pytest.MonkeyPatch, passes: list[tuple[int, int]]
) -> None:
    runtime = replaying(monkeypatch)
    for count in (1, 3, 2, 9, 1):
        assert runtime.upscale_tiles(tiles(count)).shape == (count, 3, 32, 48)
    assert passes == [(1, 1), (3, 3), (3, 2), (8, 8), (8, 1), (8, 1)]


def test_auto_is_bf16_on_a_gpu_alone() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert torch_runtime.best_precision("cpu") == torch_runtime.best_precision("auto") == "float32"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU: this machine has none")
def test_a_recorded_pass_is_the_network_on_a_gpu() -> None:
    device = torch.device("cuda")
    net = network.from_weights(TINY).to(device).freeze()
    with torch.inference_mode():
        exact = net(torch.from_numpy(tiles(20)).to(device)).cpu().numpy()
        enlarged = Replay(net, (TOGETHER, 3, 16, 24), device, torch.cuda)(tiles(20))
    assert np.abs(enlarged - exact).max() <= 1e-3

"""What one network runs on: opened, exchanged for what is faster here, closed. Knows no samples."""

import itertools
import statistics
import threading

from rgtsr import runtimes, tiling
from rgtsr.runtimes import Runtime, probe
from rgtsr.weights import Weights

NOTED_FROM_TILES = 4  # of one shape, of which the first waits for the graph
PROBE_FROM_TILES = 100  # for fewer, finding out which runtime is fastest takes too long


class Choice:
    """The runtime of one network, and one in float32 beside it for what the first cannot do.

    ``auto`` becomes what is fastest here, once that is known or there is work enough to measure it.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        runtime: str | Runtime,
        device: str,
        precision: str,
        max_memory_bytes: int | None,
    ) -> None:
        self.weights = weights
        self._device = device
        self._max_memory_bytes = max_memory_bytes
        self._lock = threading.Lock()
        self._is_settled = runtime != "auto"
        self._second: Runtime | None = None
        self._took: dict[tuple[int, ...], list[float]] = {}
        self._first: Runtime | None = (
            self._opened(runtime, precision, device) if isinstance(runtime, str) else runtime
        )

    @property
    def runtime(self) -> Runtime:
        """What runs the network. Raises ValueError once it is closed."""
        if self._first is None:
            raise ValueError("this upscaler is closed: open another.")
        return self._first

    def close(self) -> None:
        """Let go of the network and of the memory that it holds."""
        with self._lock:
            self._first = self._second = None

    def settle(self, plan: tiling.Plan) -> None:
        """Take what is fastest for such tiles; that is measured first where they are many."""
        with self._lock:
            if self._is_settled:
                return
            shape, precision = (1, 3, *plan.tile), self.runtime.precision
            fastest = None
            if self._has_several():
                fastest = probe.known(self.weights, precision, shape, self._device)
                if fastest is None and plan.count < PROBE_FROM_TILES:
                    return
                fastest = fastest or self._measured(precision, shape)
            if fastest is not None and not _is(self.runtime, fastest):
                self._first = self._opened(fastest.runtime, precision, fastest.device)
            self._is_settled = True

    def exact(self) -> Runtime:
        """A second runtime, in float32, for what the first could not do; it stays open."""
        with self._lock:
            if self._second is None:
                self._second = self._opened(self.runtime.name, "float32", self._device)
            return self._second

    def took(self, shape_NCHW: tuple[int, ...], seconds: float) -> None:
        """What the first runtime took for such tiles: the first few of a shape are noted."""
        with self._lock:
            took = self._took.setdefault(shape_NCHW, [])
            if self._first is None or len(took) == NOTED_FROM_TILES:
                return
            took.append(seconds)
            if len(took) == NOTED_FROM_TILES:
                device = "gpu" if self._first.is_on_gpu else "cpu"
                one = statistics.median(took[1:]) / shape_NCHW[0]
                timing = probe.Timing(self._first.name, device, self._first.precision, one)
                probe.note(self.weights, (1, *shape_NCHW[1:]), timing)

    def seconds(self, tile: tuple[int, int]) -> float | None:
        """What a tile of that (height, width) takes here, as far as that was ever measured.

        By its area from a tile of another shape, where only that was.
        """
        if max(tile) > max(tiling.SIDES_PX):
            return None
        for height, width in (tile, *((side, side) for side in reversed(tiling.SIDES_PX))):
            shape = (1, 3, height, width)
            about = self.weights, self.runtime.precision, shape
            timings = probe.remembered(*about, self._device)
            if not timings and (at_work := probe.noted(*about, self.runtime.name)):
                timings = [at_work]
            ours = [
                each.seconds for each in timings if not self._is_settled or _is(self.runtime, each)
            ]
            if ours:
                return min(ours) * tile[0] * tile[1] / (height * width)
        return None

    def _has_several(self) -> bool:
        return len(list(itertools.islice(probe.candidates(self._device), 2))) > 1

    def _measured(self, precision: str, shape: tuple[int, ...]) -> probe.Timing | None:
        """The fastest; none where the limit leaves no room for any."""
        timings = probe.measure(
            self.weights,
            precision,
            shape,
            device=self._device,
            max_memory_bytes=self._max_memory_bytes,
        )
        return timings[0] if timings else None

    def _opened(self, runtime: str, precision: str, device: str) -> Runtime:
        return runtimes.open_runtime(
            self.weights,
            name=runtime,
            precision=precision,
            device=device,
            max_memory_bytes=self._max_memory_bytes,
        )


def _is(runtime: Runtime, timing: probe.Timing) -> bool:
    return (runtime.name, runtime.is_on_gpu) == (timing.runtime, timing.device == "gpu")

"""What is counted, for Prometheus."""

from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from rgtsr.serving.desk import Desk


class Counts:
    """The counts of one service."""

    MEDIA_TYPE = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._answers = Counter(
            "rgtsr_http_answers", "Requests answered", ["status"], registry=self._registry
        )
        self._gauges = {
            name: Gauge(f"rgtsr_{name}", text, registry=self._registry)
            for name, text in (
                ("waiting", "Pictures that wait, or are being sent"),
                ("unfinished", "Pictures that have not ended"),
                ("kept", "Pictures of which something is kept"),
                ("ready", "Whether the network is loaded"),
                ("pixels_done", "Pixels of pictures that were enlarged, since the start"),
            )
        }
        self._ended = Gauge(
            "rgtsr_jobs_ended",
            "Pictures that ended so, since the start",
            ["state"],
            registry=self._registry,
        )

    def answered(self, status: int) -> None:
        """One more answer."""
        self._answers.labels(str(status)).inc()

    def text(self, desk: "Desk") -> bytes:
        """All counts, in Prometheus' format."""
        self._gauges["waiting"].set(desk.waiting)
        self._gauges["unfinished"].set(desk.unfinished)
        self._gauges["kept"].set(len(desk.tickets))
        self._gauges["ready"].set(desk.is_ready and desk.fault is None)
        self._gauges["pixels_done"].set(desk.made_pixels)
        for state, count in desk.made.items():
            self._ended.labels(str(state)).set(count)
        return generate_latest(self._registry)

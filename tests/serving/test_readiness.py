"""Whether pictures can be enlarged, where they cannot: real services whose insides go wrong."""

import httpx

from serving.services import code, content, ready, serving, slow, until

BROKEN = """
from rgtsr.upscaler import Upscaler
def broken(*_):
    raise RuntimeError("the network is gone")
Upscaler.upscale = broken
"""
HUNG = """
import threading
import rgtsr.serving.readiness as readiness
from rgtsr.upscaler import Upscaler
readiness.HUNG_S = 0.5
Upscaler.upscale_file = lambda *_, **__: threading.Event().wait()
"""
DEAD = """
from rgtsr.jobs import Line
def dead(*_):
    raise RuntimeError("the journal is gone")
Line._next = dead
"""


def test_a_network_that_fails_is_not_ready() -> None:
    with serving(first=BROKEN) as service, service.http() as http:
        until(lambda: code(http.get("/readyz"))[1] != "starting")
        assert code(http.get("/readyz")) == (503, "not-ready")
        assert "the network is gone" in http.get("/readyz").json()["detail"]
        assert http.get("/healthz").status_code == 200


def test_a_line_that_hangs_is_not_ready() -> None:
    with serving(first=HUNG) as service, ready(service).http() as http:
        http.post("/v1/jobs", content=content())

        def is_hung() -> bool:
            answer: httpx.Response = http.get("/readyz")
            return answer.status_code == 503 and "has not moved" in answer.json()["detail"]

        until(is_hung)
        assert http.get("/healthz").status_code == 200


def test_a_line_that_dies_ends_the_service() -> None:
    with serving(first=DEAD) as service:
        assert service.process.wait(60) == 1
    assert "the journal is gone" in service.said[-1]


OPENING = """
import threading
import rgtsr.serving.networks as networks
from rgtsr.upscaler import Upscaler
def opened(model, **options):
    if model is not None:
        threading.Event().wait()
    return Upscaler(model, **options)
networks.Upscaler = opened
"""


def test_a_network_that_takes_long_to_open_holds_up_no_answer() -> None:
    with serving(first=OPENING) as service, ready(service).http() as http:
        job = http.post("/v1/jobs", content=slow(400, 400)).json()["id"]
        until(lambda: http.get(f"/v1/jobs/{job}").json()["tiles_done"] > 0)
        http.post("/v1/jobs", content=content(), params={"model": "small-x2"})
        assert '"done"' in http.get(f"/v1/jobs/{job}/events").text
        assert http.get("/healthz").status_code == 200


UNSAID = """
import rgtsr.serving.results as results
def gone(*_):
    raise FileNotFoundError("the result is gone")
results.of = gone
"""


def test_a_result_that_vanishes_fails_and_holds_up_no_end() -> None:
    with serving(first=UNSAID) as service, ready(service).http() as http:
        job = http.post("/v1/jobs", content=content()).json()["id"]
        assert '"failed"' in http.get(f"/v1/jobs/{job}/events").text
        assert service.stop() == 0

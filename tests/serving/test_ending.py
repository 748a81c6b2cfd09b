"""How work and services end: wanted or not, nothing is left."""

import os
import signal
import socket
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from cli.running import rgtsr
from rgtsr.pictures import Picture
from serving.services import code, content, left_in, ready, serving, slow, until

SMALL_DISK_BYTES = 1 << 20


def test_a_client_that_goes_away_frees_its_job(tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service, ready(service).http() as http:
        picture, (host, port) = slow(), service.address.removeprefix("http://").split(":")
        head = (
            f"POST /v1/upscale HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(picture)}\r\n\r\n"
        )
        for sent in (picture, picture[: len(picture) // 2]):  # at work, and while it is sent
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(head.encode() + sent)
                until(lambda: "rgtsr_unfinished 1.0" in http.get("/metrics").text)
            until(lambda: "rgtsr_unfinished 0.0" in http.get("/metrics").text)
            until(lambda: left_in(tmp_path) == [])
        assert 'status="500"' not in http.get("/metrics").text  # a bare 500 may be part of a time
        assert http.post("/v1/upscale", content=content()).status_code == 200


def test_whoever_waits_for_the_network_is_let_go_at_once(tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service, ready(service).http() as http:
        large = http.post("/v1/jobs", content=slow(3000, 3000)).json()["id"]
        until(lambda: http.get(f"/v1/jobs/{large}").json()["state"] == "running")
        before = left_in(tmp_path)
        waiting = http.post("/v1/jobs", content=content()).json()["id"]
        assert http.delete(f"/v1/jobs/{waiting}").status_code == 204
        until(lambda: left_in(tmp_path) == before)
        assert http.get(f"/v1/jobs/{large}").json()["state"] == "running"
        http.delete(f"/v1/jobs/{large}")


def test_a_signal_lets_what_is_there_be_finished(tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service, ready(service).http() as http:
        job = http.post("/v1/jobs", content=slow(600, 600)).json()["id"]
        with http.stream("GET", f"/v1/jobs/{job}/events") as events:
            lines = events.iter_lines()
            next(lines)
            service.process.send_signal(signal.SIGTERM)
            until(lambda: any("closing down after 1 picture" in line for line in service.said))
            refused = http.post("/v1/jobs", content=content())
            assert code(refused) == (503, "draining")
            assert refused.headers["retry-after"]
            assert code(http.get("/readyz")) == (503, "draining")
            assert '"done"' in "".join(lines)
        until(lambda: any("1 result waits to be fetched" in line for line in service.said))
        assert Picture.from_bytes(http.get(f"/v1/jobs/{job}/result").content).size == (1200, 1200)
        assert service.process.wait(25) == 0  # no need to wait any longer
        assert not [line for line in service.said if "Traceback" in line]
        assert left_in(tmp_path) == []


def test_what_was_fetched_or_nobody_fetches_holds_up_no_end(tmp_path: Path) -> None:
    """Each result has its time from its own end on; a second signal ends that too."""
    short = "import rgtsr.serving.running as it; it.FETCHING_S = 0.5"
    for first, signals in ((short, 1), ("", 2)):
        with (
            serving("--folder", tmp_path, first=first) as service,
            ready(service).http() as http,
        ):
            jobs = [http.post("/v1/jobs", content=content()).json()["id"] for _ in range(3)]
            for job in jobs:
                http.get(f"/v1/jobs/{job}/events")
            http.delete(f"/v1/jobs/{jobs[0]}")
            http.get("/v1/results.zip", params={"job": jobs[1]})
            for _ in range(signals):
                service.process.send_signal(signal.SIGTERM)
                until(lambda: service.process.poll() is not None or len(service.said) > 1)
            assert service.process.wait(25) == 0
            assert not [line for line in service.said if "2 results" in line]


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service, ready(service).http() as http:
        jobs = [http.post("/v1/jobs", content=slow()).json()["id"] for _ in range(3)]
        service.process.send_signal(signal.SIGINT)
        until(lambda: any("closing down" in line for line in service.said))
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(http.get, f"/v1/jobs/{jobs[0]}/events")
            assert service.stop(signal.SIGINT) == 1
        assert '"code":"draining"' in asked.result().text
        assert service.said[-1] == "rgtsr: ended at once: 3 pictures not made."
        assert not [line for line in service.said if "Traceback" in line or "Exception" in line]
        assert left_in(tmp_path) == []


def test_what_a_killed_service_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service, ready(service).http() as http:
        http.post("/v1/jobs", content=slow())
        service.stop(signal.SIGKILL)
    assert left_in(tmp_path) != []
    with serving("--folder", tmp_path):
        assert left_in(tmp_path) == []


def test_so_does_what_it_left_among_temporary_files(tmp_path: Path) -> None:
    with serving(TMPDIR=str(tmp_path)) as service, ready(service).http() as http:
        http.post("/v1/jobs", content=slow())
        service.stop(signal.SIGKILL)
    assert list(tmp_path.glob("rgtsr-*/p-*/*")) != []
    with serving(TMPDIR=str(tmp_path)) as service:
        [own] = tmp_path.glob("rgtsr-*")
        assert own.stat().st_mode & 0o777 == 0o700
        assert list(own.glob("p-*")) == []
        assert service.stop() == 0
    assert list(tmp_path.glob("rgtsr-*")) == []


FORGETFUL = """
import rgtsr.serving.tidying as tidying
from rgtsr.serving.spool import Spool
tidying.EVERY_S, tidying.KEPT_S = 0.05, 0.0
rounds, used_bytes = iter([FileNotFoundError("gone")]), Spool.used_bytes
def failing_once(spool):
    for error in rounds:
        raise error
    return used_bytes(spool)
Spool.used_bytes = failing_once
"""


def test_results_that_nobody_fetches_go_though_a_round_fails(tmp_path: Path) -> None:
    with (
        serving("--folder", tmp_path, first=FORGETFUL) as service,
        ready(service).http() as http,
    ):
        http.post("/v1/jobs", content=content())
        until(lambda: "rgtsr_unfinished 0.0" in http.get("/metrics").text)
        until(lambda: left_in(tmp_path) == [])
        assert any("FileNotFoundError" in line for line in service.said)


def test_a_killed_service_starts_again_at_once_whatever_its_mark_says(tmp_path: Path) -> None:
    """In a container the next process has the same number, and may start in the same second."""
    mark = tmp_path / "owner"
    for left in ("", f"{os.getpid()}-{psutil.Process().create_time():.2f}", "\xe9 nonsense"):
        mark.write_text(left, encoding="utf-8")
        with serving("--folder", tmp_path) as service:
            assert service.address, service.said


def test_a_folder_is_kept_from_others_whatever_its_mark_says(tmp_path: Path) -> None:
    """Another container's numbers say nothing here."""
    with serving("--folder", tmp_path) as service, ready(service).http() as http:
        job = http.post("/v1/jobs", content=content()).json()["id"]
        (tmp_path / "owner").write_text("999999999-1.00")
        outcome = rgtsr("serve", "--port", "0", "--folder", tmp_path)
        outcome.assert_failed(1, str(tmp_path), "another service", "--folder")
        assert http.get(f"/v1/jobs/{job}/view/before").status_code == 200


def test_two_services_cannot_have_one_folder_or_one_port(tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service:
        outcome = rgtsr("serve", "--port", "0", "--folder", tmp_path)
        outcome.assert_failed(1, str(tmp_path), f"process {service.process.pid}", "--folder")
        port = service.address.rpartition(":")[2]
        outcome = rgtsr("serve", "--port", port)
        outcome.assert_failed(1, f"port {port} is in use", "--port")
        assert str(service.process.pid) in outcome.errors[0]


def test_uploads_lie_in_the_folder_from_their_first_byte_on(tmp_path: Path) -> None:
    """The other place for temporary files may be small, or memory."""
    with serving("--folder", tmp_path, TMPDIR="/nonexistent") as service:
        host, port = ready(service).address.removeprefix("http://").split(":")
        sent = 2 << 20
        body = b"--x\r\ncontent-disposition: form-data; name=picture; filename=a\r\n\r\n"
        head = (
            f"POST /v1/jobs HTTP/1.1\r\nhost: {host}\r\ncontent-length: {2 * sent}\r\n"
            "content-type: multipart/form-data; boundary=x\r\n\r\n"
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + body + bytes(sent))
            least = sent - (1 << 17)  # of which some is under way
            until(lambda: sum(path.stat().st_size for path in tmp_path.rglob("source")) > least)
        until(lambda: left_in(tmp_path) == [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of a megabyte."""
    size = f"size={SMALL_DISK_BYTES}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root on Linux")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_said_and_passes(small_disk: Path) -> None:
    with serving("--folder", small_disk) as service, ready(service).http() as http:
        too_much = content("tif", 700, 700)
        assert len(too_much) > SMALL_DISK_BYTES
        assert code(http.post("/v1/upscale", content=too_much)) == (507, "no-space")
        enlarged = content("tif", 300, 300)
        assert len(enlarged) < SMALL_DISK_BYTES < 4 * len(enlarged)
        assert code(http.post("/v1/upscale", content=enlarged)) == (507, "no-space")
        assert left_in(small_disk) == []
        assert http.post("/v1/upscale", content=content()).status_code == 200


def test_what_is_shown_on_a_full_disk_is_not_kept_cut(small_disk: Path) -> None:
    with serving("--folder", small_disk) as service, ready(service).http() as http:
        job = http.post("/v1/jobs", content=content(height=120, width=120)).json()["id"]
        http.get(f"/v1/jobs/{job}/events")
        shown = [f"/v1/jobs/{job}/view/after", f"/v1/jobs/{job}/zoom/after.dzi"]
        filler = small_disk / "filler"
        with pytest.raises(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(8192))
                file.flush()
        for path in shown + shown:
            assert code(http.get(path)) == (507, "no-space")
        filler.unlink()
        assert Picture.from_bytes(http.get(shown[0]).content).size == (240, 240)
        assert 'Width="240"' in http.get(shown[1]).text
        assert not [line for line in service.said if "Traceback" in line]


def test_what_memory_does_not_suffice_for_is_said_and_passes() -> None:
    options = ("--max-pixels", "400000000")
    with serving(*options, memory_bytes=1 << 30) as service, ready(service).http() as http:
        huge = Picture.from_array(np.zeros((9000, 9000, 3), "u1")).to_bytes(
            "webp"
        )  # whose rows do not come one by one
        answer = http.post("/v1/upscale?format=png", content=huge)
        assert code(answer) == (503, "out-of-memory"), answer.text
        assert http.post("/v1/upscale", content=content()).status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), ("0.0.0.0", "--auth-token-file", "--open")),
        (("--max-queue", "0"), ("max-queue", "more than 0")),
        (("--timeout", "nan"), ("timeout",)),
        (("--model", "nobody"), ("nobody",)),
        (("--port", "70000"), ("70000", "65535")),
        (("--cors", "*"), ("--cors", "any page")),
        (("--cors", "https://shop.example/"), ("--cors", "https://shop.example")),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(
    options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    port = () if "--port" in options else ("--port", "0")
    rgtsr("serve", *port, *options).assert_failed(2, *words)


def test_without_its_extra_the_command_says_how_to_get_it() -> None:
    outcome = rgtsr("serve", without=("uvicorn",))
    outcome.assert_failed(1, "serve needs uvicorn", "pip install 'rgtsr[serve]'")

"""What the service refuses, each in its own words and with its own code."""

import asyncio
import socket
import struct
import time
import zlib
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from rgtsr.pictures import ability, formats
from rgtsr.serving import uploads
from rgtsr.serving.problems import Refusal
from serving.services import Service, code, content, ready, serving, slow, until

TOKEN = "somebody-has-this-token"
HTML = {"accept": "text/html,application/xhtml+xml"}


def bomb(height: int = 60_000, width: int = 60_000) -> bytes:
    """A small PNG that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    return start + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IDAT\x35\xaf\x06\x1e"


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (b"", (422, "no-picture")),
        (b"hello, world", (415, "not-a-picture")),
        (b"%PDF-1.7 and so on, for thirty two bytes", (415, "not-a-picture")),
        (bomb(), (413, "too-many-pixels")),
        (content()[:20], (422, "unreadable-picture")),
        (content("jpg")[:200], (422, "unreadable-picture")),
        (bytes(9 << 20), (413, "body-too-large")),
    ],
)
def test_what_is_no_picture_or_too_much_is_refused(
    picture: bytes, expected: tuple[int, str], http: httpx.Client, service: Service
) -> None:
    for path in ("/v1/upscale", "/v1/jobs"):
        assert code(http.post(path, content=picture)) == expected
        assert code(http.post(path, files={"picture": ("a.png", picture)})) == expected
        assert code(http.post(path, content=iter([picture]))) == expected  # chunked


def test_what_is_refused_before_it_was_read_is_the_last_of_its_connection(service: Service) -> None:
    host, port = service.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head = f"POST /v1/jobs HTTP/1.1\r\nhost: {host}\r\ncontent-length: {9 << 20}\r\n\r\n"
        connection.sendall(head.encode() + b"what is there of it")
        answer = connection.makefile("rb").read().lower()  # to its end
    assert answer.startswith(b"http/1.1 413")
    assert b"\r\nconnection: close\r\n" in answer


def test_only_formats_that_can_be_read_here_are_named(http: httpx.Client) -> None:
    detail = http.post("/v1/jobs", content=b"hello, world").json()["detail"]
    reads = http.get("/v1/models").json()["reads"]
    for form in formats.READABLE:
        can = form.loader is None or form.suffixes[0] in reads
        assert (form.name in detail) == can == (form in ability.readable()), form.name


def test_what_is_cut_in_the_middle_fails_when_it_is_read(http: httpx.Client) -> None:
    cut = content(height=400, width=400)[:200_000]
    status, kind = code(http.post("/v1/upscale", files={"picture": ("holiday.png", cut)}))
    assert (status, kind) == (422, "unreadable-picture")
    job = http.post("/v1/jobs", files={"picture": ("holiday.png", cut)}).json()["id"]
    until(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "failed")
    problem = http.get(f"/v1/jobs/{job}").json()["problem"]
    assert problem["code"] == "unreadable-picture"
    assert problem["detail"].startswith("holiday.png: ")
    assert "salvage" not in problem["detail"]  # the API has no such option
    assert code(http.get(f"/v1/jobs/{job}/result")) == (422, "unreadable-picture")
    http.delete(f"/v1/jobs/{job}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": "17"}, "1 to 16"),
        ({"scale": "nan"}, "1 to 16"),
        ({"scale": "two"}, "scale='two' is no number"),
        ({"scale": "2", "width": "9"}, "scale and width exclude each other"),
        ({"width": "0"}, "at least 1 pixel"),
        ({"width": "1.5"}, "no whole number"),
        ({"long_side": "1e300"}, "nothing but invention"),
        ({"quality": "101"}, "1 (small) to 100 (best)"),
        ({"format": "gif"}, "one of png, jpg, webp, tif, avif"),
        ({"restore": "2"}, "auto, 0, 0.25"),
        ({"restore": "1", "model": "small-x2"}, "has no weights that restore"),
        ({"strip": "perhaps"}, "neither true nor false"),
        ({"scales": "2"}, "there is no option 'scales'"),
    ],
)
def test_options_without_sense_are_refused_in_words(
    options: dict[str, str], words: str, http: httpx.Client
) -> None:
    for sent in ({"params": options}, {"params": {}}):
        if sent["params"]:
            answer = http.post("/v1/jobs", content=content(), **sent)
        else:
            answer = http.post("/v1/jobs", files={"picture": content()}, data=options)
        assert code(answer) == (422, "bad-option")
        assert words in answer.json()["detail"]


@pytest.mark.parametrize("model", ["nobody", "../../etc/passwd", "/etc/passwd", "small-x7"])
def test_models_are_names_of_the_list_and_no_files(model: str, http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", content=content(), params={"model": model})
    assert code(answer) == (422, "unknown-model")


def test_forms_without_a_picture_are_refused(http: httpx.Client) -> None:
    assert code(http.post("/v1/jobs", files={"photo": content()})) == (422, "no-picture")
    assert code(http.post("/v1/jobs", files={"picture": (None, "text")})) == (422, "no-picture")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert code(http.post("/v1/jobs", content=b"nonsense", headers=broken)) == (400, "bad-request")
    twice = [("picture", content()), ("picture", content())]
    assert code(http.post("/v1/jobs", files=twice)) == (400, "bad-request")


def test_what_is_not_there_is_not_found(http: httpx.Client) -> None:
    assert code(http.get("/v1/jobs/nobody")) == (404, "unknown-job")
    assert code(http.delete("/v1/jobs/nobody")) == (404, "unknown-job")
    assert code(http.get("/v1/nothing")) == (404, "not-found")
    assert code(http.get("/static/../../options.py")) == (404, "not-found")
    assert code(http.get("/v1/upscale")) == (405, "method-not-allowed")
    assert code(http.get("/v1/results.zip")) == (422, "bad-option")
    assert code(http.post("/session", data={"token": "x"})) == (404, "not-found")


def test_what_is_not_done_has_no_result(http: httpx.Client) -> None:
    job = http.post("/v1/jobs", content=slow()).json()["id"]
    for path in ("result", "view/after", "zoom/after.dzi"):
        assert code(http.get(f"/v1/jobs/{job}/{path}")) == (409, "not-done")
    assert code(http.get("/v1/results.zip", params={"job": job})) == (409, "not-done")
    for path in ("view/other", "zoom/before_files/0/../../source.png", "zoom/source.png"):
        assert code(http.get(f"/v1/jobs/{job}/{path}"))[0] == 404
    assert http.delete(f"/v1/jobs/{job}").status_code == 204


def test_a_person_gets_a_page_instead(http: httpx.Client) -> None:
    answer = http.post("/v1/upscale", files={"picture": b"<script>"}, headers=HTML)
    assert answer.status_code == 415
    assert answer.headers["content-type"].startswith("text/html")
    assert "That is no picture" in answer.text
    answer = http.post("/v1/jobs", content=content(), params={"format": "<b>"}, headers=HTML)
    assert "<b>" not in answer.text


def test_a_full_queue_says_when_to_come_again(http: httpx.Client, service: Service) -> None:
    first = http.post("/v1/jobs", content=slow()).json()["id"]
    until(lambda: http.get(f"/v1/jobs/{first}").json()["state"] == "running")
    jobs = [first]
    while (answer := http.post("/v1/jobs", content=slow())).status_code == 202:
        jobs.append(answer.json()["id"])
    assert code(answer) == (429, "queue-full")
    assert "4 pictures of yours" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0

    def positions() -> list[int]:
        return [http.get(f"/v1/jobs/{job}").json()["position"] for job in jobs[-4:]]

    until(lambda: positions() == [2, 3, 4, 5])  # behind two that the line has taken already
    for job in jobs:
        assert http.delete(f"/v1/jobs/{job}").status_code == 204
    until(lambda: http.post("/v1/upscale", content=content()).status_code == 200)


def test_pages_of_other_sites_and_other_names_are_kept_out(http: httpx.Client) -> None:
    elsewhere = {"origin": "https://evil.example"}
    answer = http.post("/v1/jobs", content=content(), headers=elsewhere)
    assert code(answer) == (403, "foreign-origin")
    assert code(http.post("/v1/jobs", content=content(), headers={"origin": "null"}))[0] == 403
    assert "access-control-allow-origin" not in http.get("/v1/models", headers=elsewhere).headers
    assert code(http.get("/v1/models", headers={"host": "evil.example"})) == (421, "wrong-host")
    own = {"origin": str(http.base_url).rstrip("/")}
    assert http.post("/v1/upscale", content=content(), headers=own).status_code == 200


@pytest.mark.parametrize("name", ["host", "origin"])
@pytest.mark.parametrize("value", ["[", "http://[", "http://[::1", "a]b"])
def test_addresses_without_sense_are_a_bad_request(
    name: str, value: str, http: httpx.Client, service: Service
) -> None:
    answer = http.post("/v1/jobs", content=content(), headers={name: value})
    assert code(answer)[0] in ((400, 421) if name == "host" else (400, 403))
    assert answer.headers["content-security-policy"]
    assert not [line for line in service.said if "Traceback" in line]


def test_a_site_that_is_named_may_ask(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    given = ("--cors", "https://shop.example", "--auth-token-file", tokens)
    with serving(*given) as service, ready(service).http() as http:
        shop = {"origin": "https://shop.example"}
        refused = http.get("/v1/models", headers=shop)
        assert code(refused) == (401, "no-token")
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"
        http.headers["authorization"] = f"Bearer {TOKEN}"
        answer = http.post("/v1/upscale", content=content(), headers=shop)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        asked = {"access-control-request-method": "DELETE"}
        assert http.options("/v1/jobs/x", headers=shop | asked).status_code == 200
        other = {"origin": "https://evil.example"}
        assert code(http.post("/v1/upscale", content=content(), headers=other))[0] == 403


IMPATIENT = "import rgtsr.serving.uploads as uploads; uploads.LINGERING_S = 0.1"
SOON = f"{IMPATIENT}; uploads.STILL_S = 0.5"


@pytest.mark.parametrize(("timeout", "first"), [("1", IMPATIENT), ("1800", SOON)])
def test_an_upload_that_takes_too_long_or_stands_still_is_given_up(
    timeout: str, first: str, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    given = ("--timeout", timeout, "--auth-token-file", tokens)
    with serving(*given, first=first) as service:
        ready(service)
        host, port = service.address.removeprefix("http://").split(":")
        for path in ("/v1/jobs", "/session"):
            head = (
                f"POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\n"
                "content-length: 100\r\n\r\n"
            )
            with socket.create_connection((host, int(port)), timeout=30) as connection:
                connection.sendall(head.encode() + content()[:20])
                assert connection.recv(1000).startswith(b"HTTP/1.1 408"), path


def test_a_byte_that_comes_at_the_last_moment_buys_no_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LINGERING_S", 0.0)
    pieces = [{"type": "http.request", "body": b"x", "more_body": True}] * 50

    async def trickle() -> Message:
        await asyncio.sleep(0)
        time.sleep(0.03)  # so the limit passes while a byte comes, whichever it is
        return pieces.pop() if pieces else {"type": "http.disconnect"}

    async def upload() -> None:
        scope = {"type": "http", "method": "POST", "headers": [], "query_string": b""}
        request = Request(scope, trickle)
        await uploads.received(request, tmp_path, max_bytes=1 << 20, timeout_s=0.2)

    with pytest.raises(Refusal) as caught:
        asyncio.run(upload())
    assert caught.value.problem.code == "upload-timeout"


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    with serving("--timeout", "2") as service, ready(service).http() as http:
        assert code(http.post("/v1/upscale", content=slow(3000, 3000))) == (504, "timeout")


def test_the_limit_of_time_does_not_run_while_a_picture_waits() -> None:
    with serving("--timeout", "6") as service, ready(service).http() as http:
        large = http.post("/v1/jobs", content=slow(3000, 3000)).json()["id"]
        until(lambda: http.get(f"/v1/jobs/{large}").json()["state"] == "running")
        small = [http.post("/v1/jobs", content=content()).json()["id"] for _ in range(2)]
        states = {job: http.get(f"/v1/jobs/{job}").json() for job in small}
        assert [states[job]["state"] for job in small] == ["queued"] * 2
        until(lambda: http.get(f"/v1/jobs/{large}").json()["state"] == "failed")
        for job in small:
            until(lambda job=job: http.get(f"/v1/jobs/{job}").json()["state"] == "done")
        until(lambda: http.post("/v1/upscale", content=content()).status_code == 200)

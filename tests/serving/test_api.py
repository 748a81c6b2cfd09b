"""What the service does for those who use it well."""

import contextlib
import io
import json
import threading
import zipfile
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from openapi_spec_validator import validate

from cli.running import rgtsr
from rgtsr import pictures
from rgtsr.errors import RgtsrError
from rgtsr.jobs import State
from rgtsr.pictures import Picture
from rgtsr.serving import Client, Refused, messages
from serving.services import Service, content, noise, slow, until


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    made = tmp_path / "photo.png"
    pictures.write(Picture.from_array(noise()), made)
    return made


def made_by_the_command(photo: Path, *options: str) -> bytes:
    rgtsr("upscale", photo, "-o", f"{photo.parent}/by-command/", *options).assert_done()
    (result,) = (photo.parent / "by-command").iterdir()
    return result.read_bytes()


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, ()),
        ({"scale": "3", "format": "jpg", "quality": "80"}, "-s 3 --format jpg --quality 80"),
        ({"scale": "3", "model": "small-x2"}, "-s 3 -m small-x2"),
        ({"width": "70"}, "--width 70"),
        ({"model": "small-x2", "format": "tif"}, "-m small-x2 --format tif"),
        ({"restore": "0.5", "strip": "true"}, "--restore 0.5 --strip"),
    ],
)
def test_the_result_is_the_commands_byte_for_byte(
    options: dict[str, str], same: str, photo: Path, http: httpx.Client
) -> None:
    expected = made_by_the_command(photo, *(same.split() if same else ()))
    form = http.post(
        "/v1/upscale", files={"picture": (photo.name, photo.read_bytes())}, data=options
    )
    raw = http.post("/v1/upscale", params=options, content=photo.read_bytes())
    assert form.content == expected
    assert raw.content == expected


def test_a_result_says_what_it_is(http: httpx.Client) -> None:
    sent = {"picture": ("dir/Grüße.v2.JPG", content("jpg"))}
    answer = http.post("/v1/upscale", files=sent, data={"scale": "2.5", "model": "swift-x2"})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-rgtsr-models"] == "swift-x3"
    named = answer.headers["content-disposition"]
    assert named == "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.v2_x2.5_swift-x2.jpg"
    assert Picture.from_bytes(answer.content).size == (60, 100)


def test_what_cannot_be_written_comes_back_as_png(http: httpx.Client) -> None:
    bitmap = bytes.fromhex(
        "424d460000000000000036000000280000000200000002000000010018000000000010000000"
        "00000000000000000000000000000000ff00000000ff0000ff000000ff000000"
    )
    answer = http.post("/v1/upscale", content=bitmap)
    assert answer.headers["content-type"] == "image/png"
    assert 'filename="picture_x2.png"' in answer.headers["content-disposition"]


def test_a_job_is_followed_to_its_result_and_forgotten(
    http: httpx.Client, spool: Path, photo: Path
) -> None:
    answer = http.post("/v1/jobs", files={"picture": (photo.name, photo.read_bytes())})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["name"] == "photo.png"
    size = photo.stat().st_size
    assert job["source"] == {"width": 40, "height": 24, "format": "PNG", "size_bytes": size}
    told = [
        json.loads(line.removeprefix("data: "))
        for line in http.get(f"/v1/jobs/{job['id']}/events").text.splitlines()
        if line.startswith("data: ")
    ]
    assert [each["state"] for each in told if each["state"] != "queued"][-1] == "done"
    assert [each["progress"] for each in told] == sorted(each["progress"] for each in told)
    result = told[-1]["result"]
    assert told[-1] == http.get(f"/v1/jobs/{job['id']}").json()
    assert (result["width"], result["height"], result["name"]) == (80, 48, "photo_x2.png")
    assert result["models"] == ["swift-x2"]
    answer = http.get(f"/v1/jobs/{job['id']}/result")
    assert answer.content == made_by_the_command(photo)
    assert len(answer.content) == result["size_bytes"]
    assert list(spool.rglob(f"*{job['id']}*"))
    assert http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert http.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert list(spool.rglob(f"*{job['id']}*")) == []


def test_both_pictures_can_be_looked_at(http: httpx.Client) -> None:
    job = finished(http, content("tif"))
    for which, width in (("before", 40), ("after", 80)):
        answer = http.get(f"/v1/jobs/{job}/view/{which}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert Picture.from_bytes(answer.content).width == width
        about = http.get(f"/v1/jobs/{job}/zoom/{which}.dzi")
        assert f'Width="{width}"' in about.text
        tile = http.get(f"/v1/jobs/{job}/zoom/{which}_files/0/0_0.jpg")
        assert Picture.from_bytes(tile.content).size == (1, 1)
        assert http.get(f"/v1/jobs/{job}/zoom/{which}_files/0/0_1.jpg").status_code == 404
    http.delete(f"/v1/jobs/{job}")


def test_transparency_and_profiles_are_seen(http: httpx.Client) -> None:
    pixels = np.dstack([noise(), noise()[:, :, 0]])
    job = finished(http, Picture.from_array(pixels).to_bytes("png"))
    answer = http.get(f"/v1/jobs/{job}/view/after")
    assert answer.headers["content-type"] == "image/webp"
    assert Picture.from_bytes(answer.content).alpha_HW is not None
    http.delete(f"/v1/jobs/{job}")


def test_several_results_come_in_one_zip_whose_names_differ(http: httpx.Client) -> None:
    jobs = [finished(http, content(seed=seed), name="a.png") for seed in (1, 2)]
    answer = http.get("/v1/results.zip", params={"job": jobs})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a_x2.png", "a_x2 (2).png"]
        for job, name in zip(jobs, archive.namelist(), strict=True):
            assert archive.read(name) == http.get(f"/v1/jobs/{job}/result").content
            http.delete(f"/v1/jobs/{job}")


def test_a_zip_is_whole_though_its_results_are_forgotten_meanwhile(http: httpx.Client) -> None:
    jobs = [finished(http, content("tif", 300, 300), scale="4")]  # more than a connection holds
    jobs += [finished(http, content(seed=seed)) for seed in (1, 2)]
    with http.stream("GET", "/v1/results.zip", params={"job": jobs}) as answer:
        pieces = answer.iter_raw(1000)
        body = next(pieces)
        with httpx.Client(base_url=http.base_url) as other:
            for job in jobs:
                assert other.delete(f"/v1/jobs/{job}").status_code == 204
        body += b"".join(pieces)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3


def finished(http: httpx.Client, picture: bytes, **options: str) -> str:
    job = http.post("/v1/jobs", content=picture, params=options).json()["id"]
    until(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "done")
    return job


def test_it_says_what_there_is_to_choose_from(http: httpx.Client) -> None:
    told = http.get("/v1/models").json()
    names = {model["name"]: model for model in told["models"]}
    assert names["swift-x2"]["is_default"] and names["swift-x2"]["restores"]
    assert names["swift-x2"]["scores"]
    assert told["limits"]["max_body_bytes"] == 8 << 20
    for model in names:
        answer = http.post("/v1/upscale", content=content(), params={"model": model})
        assert answer.headers["x-rgtsr-models"] == model


def test_it_tells_its_health_and_its_counts(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "alive"}
    assert http.get("/readyz").json() == {"status": "ready"}
    before = counts(http)
    http.post("/v1/upscale", content=content())
    until(lambda: counts(http)["rgtsr_kept"] == 0)  # it goes just after it was sent
    after = counts(http)
    ended = 'rgtsr_jobs_ended{state="done"}'
    assert after[ended] == before[ended] + 1
    assert after["rgtsr_pixels_done"] == before["rgtsr_pixels_done"] + 24 * 40
    assert after["rgtsr_unfinished"] == 0
    assert after["process_resident_memory_bytes"] > 0


def counts(http: httpx.Client) -> dict[str, float]:
    lines = [line for line in http.get("/metrics").text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_description_is_valid(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    validate(document)
    assert document["components"]["schemas"]["Job"]["properties"]["position"]["description"]
    kinds = {"Job": messages.Job, "Problem": messages.Problem}
    found = list(examples_in(document["paths"]))
    assert {name for name, _ in found} == kinds.keys()
    for name, value in found:
        assert kinds[name].model_validate(value).model_dump(mode="json") == value
    refused = document["paths"]["/v1/upscale"]["post"]["responses"]["429"]
    assert refused["headers"]["Retry-After"]["schema"] == {"type": "integer"}


def examples_in(part: object) -> Iterator[tuple[str, object]]:
    """(name of its schema, example), of all below."""
    if isinstance(part, dict):
        name = part.get("schema", {}).get("$ref", "").rpartition("/")[2]
        for example in part.get("examples", {}).values() if name else ():
            yield name, example["value"]
        for below in part.values():
            yield from examples_in(below)


def test_the_client_does_all_of_it(service: Service, photo: Path) -> None:
    expected = made_by_the_command(photo)
    with Client(service.address) as client:
        assert client.upscale(photo) == expected
        assert client.upscale(photo.read_bytes()) == expected
        job = client.submit(photo, format="jpg", strip=True)
        last = list(client.events(job.id))[-1]
        assert last == client.job(job.id)
        assert (last.state, last.has_ended) == (State.DONE, True)
        assert last.result and last.result.name == "photo_x2.jpg"
        assert Picture.from_bytes(client.result(job.id)).size == (48, 80)
        client.forget(job.id)
        with pytest.raises(Refused, match="no such job") as caught:
            client.job(job.id)
        assert (caught.value.code, caught.value.status) == ("unknown-job", 404)
        assert "swift-x2" in [model.name for model in client.models().models]
        with pytest.raises(RgtsrError, match=r"nowhere.png.*No such file"):
            client.submit("nowhere.png")
    with Client("http://127.0.0.1:9") as client, pytest.raises(RgtsrError, match="refused"):
        client.models()


def test_events_go_on_where_a_proxy_cuts_them_off(service: Service) -> None:
    with cutting(service.address) as (address, cuts), Client(address) as client:
        job = client.submit(slow(300, 300))
        told = list(client.events(job.id))
        assert told[-1].state is State.DONE
        assert cuts and not any(each.has_ended for each in told[:-1])
        client.forget(job.id)


@contextlib.contextmanager
def cutting(address: str) -> Generator[tuple[str, list[str]]]:
    """A proxy that ends events after the first, but for the third time; and what it has cut."""
    cuts: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def handle_all(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            with httpx.stream(self.command, address + self.path, content=body) as answer:
                self.send_response(answer.status_code)
                self.end_headers()
                for piece in answer.iter_raw():
                    self.wfile.write(piece)
                    if self.path.endswith("/events") and len(cuts) < 2:
                        cuts.append(self.path)
                        return

        do_GET = do_POST = do_DELETE = handle_all
        log_message = print

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}", cuts
        server.shutdown()

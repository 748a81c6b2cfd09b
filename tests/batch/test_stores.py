"""Object stores that delay, drop, cut and refuse: moto's server behind a faulty proxy."""

import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from batches import Told, expected, make_folder, manifest, opened, results, through
from faulty_store import KINDS, Faulty
from rgtsr.batch import Row, failures, places
from rgtsr.batch.item import Code
from rgtsr.errors import DiskFullError, RgtsrError


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """S3 with a bucket, reached through a proxy that does no harm yet."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    proxy = Faulty(port, share=0.0)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    places._opened.cache_clear()
    s3fs.S3FileSystem().mkdir("photos")
    yield proxy
    urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")
    ).close()
    proxy.shutdown()
    proxy.server_close()
    server.stop()
    places._opened.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_store_that_fails_now_and_then_costs_nothing_but_time(
    store: Faulty, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "in")
    system = s3fs.S3FileSystem()
    for path in folder.iterdir():
        system.put_file(str(path), f"photos/in/{path.name}")
    system.pipe_file("photos/in/cut.png", (folder / "0.png").read_bytes()[:99])
    system.pipe_file("photos/in/denied.png", b"nobody may read it")
    store.share, store.denied = 0.4, "denied.png"
    told = through("s3://photos/in", "s3://photos/out")
    store.share = 0.0
    assert set(store.faults) == set(KINDS)
    failed = {row.output: row for row in told.rows if row.state == "failed"}
    assert {name: row.code for name, row in failed.items()} == {
        "cut.png": "picture",
        "denied.png": "forbidden",
    }
    assert "s3://photos/in/cut.png" in failed["cut.png"].error
    assert "s3://photos/in/denied.png" in failed["denied.png"].error
    system.get("photos/out", str(tmp_path / "out"), recursive=True)
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone")
    assert set(manifest("s3://photos/out")) == {*told.states()}
    again = through("s3://photos/in", "s3://photos/out")
    assert (again.count.there, again.count.known) == (8, 1)
    assert again.states() == {"denied.png": "failed"}, "that is not the picture's fault"


def test_a_picture_costs_one_get_and_one_put(store: Faulty, tmp_path: Path) -> None:
    [one] = make_folder(tmp_path / "in", ("a.png",)).iterdir()
    s3fs.S3FileSystem().put_file(str(one), "photos/in/a.png")
    store.asked.clear()
    through("s3://photos/in", "s3://photos/out")
    asked = [(method, path) for method, path in store.asked if path.endswith("/a.png")]
    assert asked == [("GET", "/photos/in/a.png"), ("PUT", "/photos/out/a.png")]


def test_a_store_that_never_answers_is_named_and_the_run_ends(
    store: Faulty, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "b.png"))

    def silence(_: Row) -> None:
        store.is_silent = True

    told = Told()
    with pytest.raises(RgtsrError, match=r"s3://photos/out/.*asked \d+ times"):
        through(folder, "s3://photos/out", workers=1, on_row=silence, told=told)
    store.is_silent = False
    through(folder, "s3://photos/out", opened)
    assert {row.state for row in manifest("s3://photos/out").values()} == {"done"}


def test_a_key_may_have_colons_and_a_bucket_that_is_not_there_is_named(
    store: Faulty, tmp_path: Path
) -> None:
    [one] = make_folder(tmp_path / "in", ("a.png",)).iterdir()
    s3fs.S3FileSystem().put_file(str(one), "photos/in/a::b.png")
    assert through("s3://photos/in", "s3://photos/out").states() == {"a::b.png": "done"}
    place = places.at("s3://photos/out/a::b.png")
    assert place.url() == "s3://photos/out/a::b.png"
    assert place.read().startswith(b"\x89PNG")
    with pytest.raises(RgtsrError, match="s3://nowhere"):
        through(tmp_path / "in", "s3://nowhere/out")
    with pytest.raises(RgtsrError, match="s3://nowhere"):
        through("s3://nowhere/in", tmp_path / "out")


def test_only_one_of_two_creates_what_is_there_once(store: Faulty) -> None:
    place = places.at("s3://photos/leases")
    assert place.create("one", b"first")
    assert not place.create("one", b"second")
    assert place.create("one", b"first"), "as when its answer was lost"
    assert place.read("one") == b"first"


def test_a_store_that_is_full_is_not_asked_again(store: Faulty, tmp_path: Path) -> None:
    make_folder(tmp_path, ("a.png",))
    store.is_full = True
    with pytest.raises(OSError) as caught:
        places.at("s3://photos/out").write("one", b"content")
    assert failures.code(caught.value) is Code.FULL
    assert not failures.is_passing(caught.value)
    assert failures.code(DiskFullError("no room for it")) is Code.FULL
    with pytest.raises(RgtsrError, match=r"s3://photos/out/_manifest/_lease.* cannot be written"):
        through(tmp_path, "s3://photos/out")

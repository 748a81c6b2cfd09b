"""Object stores that delay, drop, cut and refuse: S3 and Google's, behind a faulty proxy."""

import contextlib
import functools
import itertools
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer
from typing import Any, TypeVar

import gcsfs
import pyarrow as pa
import pytest
import s3fs
from moto.server import ThreadedMotoServer
from pyarrow import parquet

from batches import EIGHT, Told, expected, make_folder, manifest, opened, results, through
from faulty_store import KINDS, Faulty
from gs_server import Buckets
from rgtsr.batch import Row, failures, places, systems
from rgtsr.batch.failures import Patience
from rgtsr.batch.item import Code, Span
from rgtsr.batch.places import Place
from rgtsr.errors import DiskFullError, RgtsrError, UsageError

Server = TypeVar("Server", bound=BaseServer)


class Pages(SimpleHTTPRequestHandler):
    """Python's own, which gives no parts."""

    def log_message(self, *_: Any) -> None:
        """Nothing is told."""


ASKING = """
import sys
from rgtsr import signals
from rgtsr.batch import places

signals.listen()
place = places.at(sys.argv[1])
while True:
    list(place.files())
"""


@dataclass
class Store:
    """A bucket ``photos``, reached through a proxy that does no harm yet."""

    proxy: Faulty
    scheme: str
    system: Any  # fsspec's
    named: tuple[str, ...]  # the methods of requests for a picture that have its name in them

    def url(self, path: str, bucket: str = "photos") -> str:
        return f"{self.scheme}://{bucket}/{path}"

    def put(self, path: Path, name: str) -> None:
        self.system.put_file(str(path), f"photos/{name}")


@contextlib.contextmanager
def s3(monkeypatch: pytest.MonkeyPatch) -> Generator[Store]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    with proxied(port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        system = s3fs.S3FileSystem()
        system.mkdir("photos")
        yield Store(proxy, "s3", system, ("GET", "PUT"))
    urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")
    ).close()
    server.stop()


@contextlib.contextmanager
def gs(monkeypatch: pytest.MonkeyPatch) -> Generator[Store]:
    with served(Buckets("photos")) as server, proxied(server.server_port) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.setattr(gcsfs.retry, "min", lambda *_: 0.05, raising=False)  # seconds it waits
        yield Store(proxy, "gs", gcsfs.GCSFileSystem(token="anon"), ("GET",))


@contextlib.contextmanager
def served(server: Server) -> Generator[Server]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def proxied(port: int) -> contextlib.AbstractContextManager[Faulty]:
    return served(Faulty(port, share=0.0))


def forget() -> None:
    """What stores were opened."""
    systems.opened.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()
    gcsfs.GCSFileSystem.clear_instance_cache()


@pytest.fixture(params=[s3, gs])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    forget()
    with request.param(monkeypatch) as store:
        yield store
    forget()


def test_a_process_that_is_stopped_while_it_asks_ends_in_silence(store: Store) -> None:
    words = [sys.executable, "-c", ASKING, store.url("in")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as asking:
        already = len(store.proxy.asked)
        while len(store.proxy.asked) < already + 9:
            assert asking.poll() is None
            time.sleep(0.01)
        asking.terminate()
        _, said = asking.communicate()
    assert (asking.returncode, said) == (128 + signal.SIGTERM, "")


def test_a_store_that_fails_now_and_then_costs_nothing_but_time(
    store: Store, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "in")
    for path in folder.iterdir():
        store.put(path, f"in/{path.name}")
    store.system.pipe_file("photos/in/cut.png", (folder / "0.png").read_bytes()[:99])
    store.system.pipe_file("photos/in/empty.png", b"")
    store.system.pipe_file("photos/in/denied.png", b"nobody may read it")
    source, target = store.url("in"), store.url("out")
    store.proxy.share, store.proxy.denied = 0.4, "denied.png"
    told = through(source, target)
    store.proxy.share = 0.0
    assert set(store.proxy.faults) == set(KINDS)
    failed = {row.output: row for row in told.rows if row.state == "failed"}
    assert {name: row.code for name, row in failed.items()} == {
        "cut.png": "picture",
        "empty.png": "picture",
        "denied.png": "forbidden",
    }
    assert f"{source}/cut.png" in failed["cut.png"].error
    assert f"{source}/denied.png" in failed["denied.png"].error
    store.system.get("photos/out", str(tmp_path / "out"), recursive=True)
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone")
    assert set(manifest(target)) == {*told.states()}
    again = through(source, target)
    assert (again.count.there, again.count.known) == (8, 2)
    assert again.states() == {"denied.png": "failed"}, "that is not the picture's fault"


def test_a_picture_costs_one_get_and_one_put(store: Store, tmp_path: Path) -> None:
    [one] = make_folder(tmp_path / "in", ("a.png",)).iterdir()
    store.put(one, "in/a.png")
    store.proxy.asked.clear()
    through(store.url("in"), store.url("out"))
    asked = tuple(method for method, path in store.proxy.asked if "a.png" in path)
    assert asked == store.named


def test_a_store_that_never_answers_is_named_and_the_run_ends(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "b.png"))

    def silence(_: Row) -> None:
        store.proxy.is_silent = True

    told, target = Told(), store.url("out")
    with pytest.raises(RgtsrError, match=f"{target}/"):
        through(folder, target, workers=1, on_row=silence, told=told)
    store.proxy.is_silent = False
    through(folder, target, opened)
    assert {row.state for row in manifest(target).values()} == {"done"}


def test_a_key_may_have_colons_and_a_bucket_that_is_not_there_is_named(
    store: Store, tmp_path: Path
) -> None:
    [one] = make_folder(tmp_path / "in", ("a.png",)).iterdir()
    store.put(one, "in/a::b.png")
    assert through(store.url("in"), store.url("out")).states() == {"a::b.png": "done"}
    place = places.at(store.url("out/a::b.png"))
    assert place.url() == store.url("out/a::b.png")
    assert place.read().startswith(b"\x89PNG")
    nowhere = f"{store.scheme}://nowhere"
    with pytest.raises(RgtsrError, match=nowhere):
        through(tmp_path / "in", f"{nowhere}/out")
    with pytest.raises(RgtsrError, match=nowhere):
        through(f"{nowhere}/in", tmp_path / "out")


def test_a_picture_of_several_blocks_is_fetched_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FETCHED_BYTES", 100)
    for size in (0, 1, 100, 250, 300):
        store.system.pipe_file("photos/file", bytes(range(50)) * 6 if size == 300 else bytes(size))
        places.at(store.url("file")).fetch(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == store.system.cat_file("photos/file")
        assert (tmp_path / "copy").stat().st_size == size


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # gcsfs does so
def test_large_results_are_put_whole_however_often_that_takes(store: Store, tmp_path: Path) -> None:
    content = random.Random(0).randbytes(11 << 20)
    (tmp_path / "large").write_bytes(content)
    place = places.at(store.url("out"), Patience(first_s=0.01))
    for number in range(6):
        store.proxy.share = 0.4
        place.put(tmp_path / "large", str(number))
        store.proxy.share = 0.0
        assert place.read(str(number)) == content


def test_a_picture_that_becomes_another_while_it_is_fetched_is_no_picture(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FETCHED_BYTES", 100)
    store.system.pipe_file("photos/file", b"a" * 300)
    read, count = Place.read, itertools.count()

    def replaced(self: Place, path: str = "", span: Span | None = None) -> bytes:
        if next(count) == 1:
            store.system.pipe_file("photos/file", b"b" * 300)
        return read(self, path, span)

    monkeypatch.setattr(Place, "read", replaced)
    with pytest.raises(OSError, match="became another"):
        places.at(store.url("file")).fetch(tmp_path / "copy")
    places.at(store.url("file")).fetch(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"b" * 300


def test_a_store_that_knows_no_conditions_can_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget()
    with s3(monkeypatch) as store:
        store.proxy.knows_conditions = False
        folder = make_folder(tmp_path / "in", ("a.png",))
        assert through(folder, store.url("out")).states() == {"a.png": "done"}
        place = places.at(store.url("leases"))
        assert place.create("one", b"first")
        assert not place.create("one", b"second")
    forget()


def test_what_is_missing_is_said_to_be(store: Store, tmp_path: Path) -> None:
    table = pa.table({"path": [store.url("none.png")]})
    parquet.write_table(table, tmp_path / "all.parquet")
    [row] = through(tmp_path / "all.parquet", tmp_path / "out").rows
    assert row.error.startswith(f"{store.url('none.png')}: "), row.error
    assert row.error.count("none.png") == 1, row.error
    assert "no such file" in row.error.lower() or "does not exist" in row.error, row.error
    with pytest.raises(RgtsrError, match=rf"{store.url('none.tar')}: nothing is called so"):
        through(store.url("none.tar"), tmp_path / "out")


def test_who_has_no_key_is_told_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    with s3(monkeypatch):
        forget()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(RgtsrError, match=r"s3://photos/in: .*credentials"):
            through("s3://photos/in", tmp_path / "out")
    forget()


def test_a_server_of_pages_gives_files_and_says_if_no_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FETCHED_BYTES", 1000)
    folder = make_folder(tmp_path / "in", ("a.png",))  # of some kilobytes: more than one block
    with tarfile.open(folder / "part.tar", "w") as tar:
        tar.add(folder / "a.png", "a.png")
    handler = functools.partial(Pages, directory=str(folder))
    with served(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        parquet.write_table(pa.table({"url": [f"{url}/a.png"]}), tmp_path / "all.parquet")
        place = places.at(f"{url}/a.png")
        place.fetch(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == (folder / "a.png").read_bytes()
        made = through(tmp_path / "all.parquet", tmp_path / "out")
        assert [row.state for row in made.rows] == ["done"]
        [row] = through(f"{url}/part.tar", tmp_path / "out2").rows
        assert "its server gives no parts of files" in row.error
        assert through(f"{url}/", tmp_path / "out3").states() == {"a.png": "done"}


def test_tar_files_and_lists_are_read_however_often_that_takes(
    store: Store, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "in")
    with tarfile.open(tmp_path / "part.tar", "w") as tar:
        tar.add(folder, "")
    table = pa.table({"path": [store.url(f"in/{name}") for name in EIGHT]})
    parquet.write_table(table, tmp_path / "all.parquet")
    for path in (*folder.iterdir(), tmp_path / "part.tar", tmp_path / "all.parquet"):
        store.put(path, f"in/{path.name}")
    alone = set(expected(folder, tmp_path / "alone").values())
    for name in ("part.tar", "*.parquet"):
        store.proxy.share = 0.4
        through(store.url(f"in/{name}"), store.url(name[-3:]))
        store.proxy.share = 0.0
        store.system.get(f"photos/{name[-3:]}", str(tmp_path / name[-3:]), recursive=True)
        made = list(results(tmp_path / name[-3:]).values())
        assert (len(made), set(made)) == (len(EIGHT), alone)


def test_a_tar_file_that_may_not_be_read_costs_itself(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png",))
    with tarfile.open(tmp_path / "part.tar", "w") as tar:
        tar.add(folder / "a.png", "a.png")
    for name in ("0-denied.tar", "1.tar"):
        store.put(tmp_path / "part.tar", f"in/{name}")
    store.proxy.denied = "0-denied.tar"
    told = through(store.url("in/*.tar"), tmp_path / "out")
    assert told.states() == {f"{store.url('in/0-denied.tar')}!": "failed", "1/a.png": "done"}
    [error] = [row.error for row in told.rows if row.error]
    assert error.startswith(store.url("in/0-denied.tar"))
    store.proxy.denied = "in"
    with pytest.raises(RgtsrError, match=store.scheme):
        through(store.url("in/*.tar"), tmp_path / "other")


def test_two_keys_that_would_be_one_file_are_found_before_any_work(
    store: Store, tmp_path: Path
) -> None:
    [one] = make_folder(tmp_path / "in", ("a.png",)).iterdir()
    for name in ("in/a.png", "in//a.png"):
        store.put(one, name)
    with pytest.raises(UsageError, match=r"would both become .*a\.png"):
        through(store.url("in"), tmp_path / "out")


def test_only_one_of_two_creates_what_is_there_once(store: Store) -> None:
    place = places.at(store.url("leases"))
    assert place.create("one", b"first")
    assert not place.create("one", b"second")
    assert place.create("one", b"first"), "as when its answer was lost"
    assert place.read("one") == b"first"


def test_a_store_that_is_full_is_not_asked_again(store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path, ("a.png",))
    store.proxy.is_full = True
    with pytest.raises(Exception) as caught:
        places.at(store.url("out")).write("one", b"content")
    assert failures.code(caught.value) is Code.FULL
    assert not failures.is_passing(caught.value)
    assert failures.code(DiskFullError("no room for it")) is Code.FULL
    lease = store.url("out/_manifest/_lease")
    with pytest.raises(RgtsrError, match=rf"{lease}.* cannot be written"):
        through(tmp_path, store.url("out"))

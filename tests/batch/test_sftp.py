"""A batch from and to a server that is reached by SSH: a real one, on this machine."""

import errno
import gc
import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

import ssh_server
from batches import EIGHT, expected, make_folder, manifest, results, through
from rgtsr import atomic
from rgtsr.batch import Item, Row, Source, places, systems
from rgtsr.batch.failures import Patience, Unreachable
from rgtsr.batch.systems import servers
from rgtsr.batch.systems.found import Found
from rgtsr.batch.systems.servers import Sftp
from rgtsr.errors import RgtsrError

SCRIPT = Path(ssh_server.__file__)


class Machine:
    """Gives what this one has, on one port, however often it is started."""

    def __init__(self, key: Path) -> None:
        self._key, self._port = key, "0"
        self.start()

    def start(self) -> None:
        words = [sys.executable, str(SCRIPT), str(self._key), self._port]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        """It is there and says nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def url(self, path: object, word: str = "word") -> str:
        return f"sftp://guest:{word}@127.0.0.1:{self._port}{path}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("HOME", str(tmp_path))  # keys of whoever runs this are not tried
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    machine = Machine(tmp_path / "key")
    yield machine
    machine.kill()
    systems.opened.cache_clear()


def connections() -> list[object]:
    return [each for each in psutil.Process().net_connections() if each.status == "ESTABLISHED"]


def test_folders_and_results_may_lie_there(machine: Machine, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", (*EIGHT, "deep/a #1?.png", "deep/b::c.png"))
    source, target = machine.url(folder), machine.url(tmp_path / "out")
    told = through(source, target, workers=2)
    assert set(told.states().values()) == {"done"}
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone")
    assert set(manifest(target)) == {*told.states()}
    assert list(tmp_path.rglob(".rgtsr-*")) == []
    again = through(source, target)
    assert (again.count.there, again.count.done) == (len(told.rows), 0)


def test_what_killed_processes_left_there_goes(machine: Machine, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png",))
    words = [sys.executable, "-c", "from rgtsr import atomic; print(atomic.draft_name('part'))"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    ours = atomic.draft_name("part")
    (tmp_path / "out/deep").mkdir(parents=True)
    for name in (ended, ours, "other"):
        (tmp_path / "out/deep" / name).write_bytes(b"half")
    through(folder, machine.url(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out/deep").iterdir()} == {ours, "other"}


def test_lists_may_lie_there(machine: Machine, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "b#.png"))
    whole = machine.url(folder / "b#.png")
    parquet.write_table(pa.table({"path": ["a.png", whole]}), folder / "all.parquet")
    through(machine.url(folder / "*.parquet"), tmp_path / "out")
    made = {Path(name).name: content for name, content in results(tmp_path / "out").items()}
    assert made == expected(folder, tmp_path / "alone")


def test_a_connection_that_breaks_is_made_anew(machine: Machine, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")

    def start_again(row: Row) -> None:
        if row.output == EIGHT[2]:
            machine.kill()
            machine.start()

    source, target = machine.url(folder), machine.url(tmp_path / "out")
    told = through(source, target, on_row=start_again, patience=Patience())
    assert [row.error for row in told.rows if row.error] == []
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone")


def test_a_server_that_is_not_there_is_no_fault_of_the_picture(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png",))
    nowhere = "sftp://me:word@127.0.0.1:1/b.png"
    parquet.write_table(pa.table({"path": ["a.png", nowhere]}), folder / "all.parquet")
    for _ in range(2):
        told = through(folder / "all.parquet", tmp_path / "out")
        [failed] = [row for row in told.rows if row.error]
        assert (failed.code, failed.output) == ("store", "127.0.0.1:1/b.png")


def test_a_server_that_falls_silent_is_left(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "SILENT_S", 1.0)
    (tmp_path / "file").write_bytes(b"content")
    place = places.at(machine.url(tmp_path / "file"), Patience(tries=2, first_s=0.1))
    assert place.read() == b"content"
    machine.stop()
    with pytest.raises(Unreachable, match=r"/file: .*asked 2 times"):
        place.read()


def test_a_server_that_is_silent_for_a_while_hides_nothing(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "SILENT_S", 0.5)
    names = [f"{number}/a.png" for number in range(20)]
    make_folder(tmp_path / "in", names)
    place = places.at(machine.url(tmp_path / "in"), Patience(tries=8, first_s=0.1))
    below, count = Sftp.below, itertools.count()

    def silenced(self: Sftp, folder: str) -> Iterator[Found]:
        if next(count) in (0, 7):
            machine.stop()
            threading.Timer(1.0, machine.go_on).start()
        return below(self, folder)

    monkeypatch.setattr(Sftp, "below", silenced)
    assert sorted(found.path for found in place.files()) == sorted(names)


def test_folders_are_made_by_several_at_once(machine: Machine, tmp_path: Path) -> None:
    place = places.at(machine.url(tmp_path / "out"))
    names = [f"{folder}/x/y/{name}" for folder in range(9) for name in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: place.write(name, name.encode()), names))
    assert [found.path for found in place.files()] == sorted(names)


def test_one_of_many_creates(machine: Machine, tmp_path: Path) -> None:
    place = places.at(machine.url(tmp_path / "out"))
    for number in range(9):
        with ThreadPoolExecutor(8) as pool:
            first = [
                pool.submit(place.create, str(number), str(each).encode()) for each in range(8)
            ]
        won = [each for each, future in enumerate(first) if future.result()]
        assert [place.read(str(number))] == [str(each).encode() for each in won]
    assert list(tmp_path.rglob(".rgtsr-*")) == []


def test_connections_go_with_their_threads_and_when_they_break(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    place = places.at(machine.url(tmp_path / "file"), Patience(first_s=0.01))
    place.read()
    before = len(connections())
    for _ in range(5):
        place.system.forget()
        place.read()
        thread = threading.Thread(target=place.read)
        thread.start()
        thread.join()
    gc.collect()
    until = time.monotonic() + 10
    while len(connections()) > before and time.monotonic() < until:
        time.sleep(0.05)
    assert len(connections()) == before


def test_folders_that_may_not_be_opened_are_named_and_links_looked_behind(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "closed/b.png", "c/d.png"))
    (folder / "link").symlink_to(folder / "c")
    (folder / "e.png").symlink_to(folder / "a.png")
    (folder / "c" / "circle.png").symlink_to(folder / "c" / "circle.png")
    below = Sftp.below

    def closed(self: Sftp, folder: str) -> Iterator[Found]:
        if folder.endswith("closed"):  # root, as whom the server may run, can open anything
            raise PermissionError(errno.EACCES, "Permission denied")
        return below(self, folder)

    monkeypatch.setattr(Sftp, "below", closed)
    source = Source(machine.url(folder), places.at(str(tmp_path / "out")))
    items = {item.source: item for item in source.items() if isinstance(item, Item)}
    names = ("a.png", "c/circle.png", "c/d.png", "e.png")
    assert set(items) == {machine.url(folder / name) for name in names}
    assert source.closed == [machine.url(folder / "closed")]
    assert source.links == [machine.url(folder / "link")]
    stamps = {items[machine.url(folder / name)].stamp for name in ("a.png", "e.png")}
    assert len(stamps) == 1, "of what the link leads to"
    with pytest.raises(RgtsrError, match=r"closed: cannot be listed \(Permission denied\)"):
        places.at(machine.url(folder)).files()


def test_addresses_and_words_may_have_colons(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(RgtsrError, match=r"cannot be reached \(Authentication"):
        places.at(machine.url(tmp_path / "file", "wo::rd"))
    with pytest.raises(Unreachable, match=r"sftp://me:word@\[::1\]:1/x: "):
        places.at("sftp://me:word@[::1]:1/x", Patience(tries=2, first_s=0.0))


def test_a_server_without_room_is_full(machine: Machine, small_disk: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(180_000))
    with pytest.raises(RgtsrError, match=r"sftp://.*: (is full: make room|.*No space left)"):
        through(folder, machine.url(small_disk / "out"))
    assert list(small_disk.rglob(".rgtsr-*")) == []
    ballast.unlink()
    through(folder, machine.url(small_disk / "out"))
    assert results(small_disk / "out") == expected(folder, tmp_path / "alone")


def test_who_is_not_let_in_is_told_where(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(RgtsrError, match=r"sftp://.*/in: cannot be reached \(Authentication"):
        through(machine.url("/in", "another"), tmp_path / "out")

"""A batch from and to a server that is reached by SSH: a real one, on this machine."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import ssh_server
from batches import EIGHT, expected, make_folder, manifest, results, through
from rgtsr import atomic
from rgtsr.batch import Row, places, servers, systems
from rgtsr.batch.failures import Patience, Unreachable
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

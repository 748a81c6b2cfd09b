"""A batch on this machine: every good picture once, every bad one named, whatever happens."""

import hashlib
import multiprocessing
import os
import re
import resource
import signal
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tarfile import BLOCKSIZE

import pyarrow as pa
import pytest
import pyvips
from pyarrow import parquet

from batches import (
    EIGHT,
    Told,
    expected,
    leaking,
    make_folder,
    manifest,
    noise,
    poisoned,
    results,
    through,
    vanishing,
)
from fakes import POISON
from rgtsr import film, pictures
from rgtsr.batch import Manifest, Processes, Row, Shard, Source, Task, places
from rgtsr.batch.lease import Lease
from rgtsr.errors import RgtsrError, UsageError

DEEP = ("a.png", "b/c.png", "b/d/e.jpg", "Wörter 写真/f.png", "b/g.png", "h.png", "i.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in")


def pack(tar: Path, folder: Path, *names: str) -> None:
    with tarfile.open(tar, "w", format=tarfile.USTAR_FORMAT) as file:
        for name in names:
            file.add(folder / name, name)


def cut_end(tar: Path) -> None:
    """Take away the zeros that say that nothing follows."""
    content = tar.read_bytes()
    tar.write_bytes(content[: -(-len(content.rstrip(b"\0")) // BLOCKSIZE) * BLOCKSIZE])


def failed(destination: Path) -> list[str]:
    """The sources whose last row says so."""
    return sorted(row.source for row in manifest(destination).values() if row.state == "failed")


def test_a_folder_becomes_what_each_picture_becomes_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    told = through(folder, tmp_path / "out", workers=2)
    assert set(told.states().values()) == {"done"}
    made = results(tmp_path / "out")
    assert made == expected(folder, tmp_path / "alone")
    rows = manifest(tmp_path / "out")
    assert rows == {row.output: row for row in rows.values()}
    assert set(rows) == set(made)
    for name, content in made.items():
        row = rows[name]
        assert (row.width, row.height) == (100, 80)
        assert (row.bytes_out, row.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert row.bytes_in == (folder / name).stat().st_size
        assert row.source == str(folder / name)


def test_folders_that_are_not_looked_into_are_named(folder: Path, tmp_path: Path) -> None:
    for name in ("link", ".hidden"):
        (folder / name).symlink_to(tmp_path)
    (folder / "closed").mkdir(mode=0)
    if os.access(folder / "closed", os.R_OK):  # root may enter anything
        (folder / "closed").rmdir()
    source = Source(str(folder), places.at(str(tmp_path / "out")))
    for _ in range(2):
        assert len(list(source.items())) == len(EIGHT)
        assert source.links == [str(folder / "link")]
        assert source.closed == [str(path) for path in folder.glob("closed")]


def test_a_source_that_goes_once_its_result_is_there_is_no_failure(
    folder: Path, tmp_path: Path
) -> None:
    told = through(folder, tmp_path / "out", vanishing)
    assert told.states() == dict.fromkeys(EIGHT, "done")
    assert {row.bytes_in > 0 for row in told.rows} == {True}


def test_shards_together_are_the_whole_and_none_is_in_two(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", DEEP)
    counts = [
        through(folder, tmp_path / "out", workers=1, shard=Shard(number, 3)).count.done
        for number in (1, 2, 3)
    ]
    assert sum(counts) == len(DEEP)
    assert max(counts) < len(DEEP)
    assert set(results(tmp_path / "out")) == set(DEEP)
    assert through(folder, tmp_path / "out").count.there == len(DEEP)


def test_a_list_in_parquet_names_paths_beside_it_and_elsewhere(tmp_path: Path) -> None:
    make_folder(tmp_path / "lists", ("a.png", "b/c.png"))
    other = make_folder(tmp_path / "other", ("d.gif.png",)) / "d.gif.png"
    names = ["a.png", "b/c.png", str(other), "a.png", None, "", "gone.png", "film.mp4"]
    parquet.write_table(pa.table({"path": names}), tmp_path / "lists" / "all.parquet")
    source = Source(str(tmp_path / "lists" / "all.parquet"), places.at(str(tmp_path / "out")))
    assert len(list(source.items())) == 4
    assert source.passed_over == {".mp4": 1, "named again": 1, "rows without a name": 2}
    told = through(tmp_path / "lists" / "all.parquet", tmp_path / "out")
    inside = str(other).lstrip("/")
    assert told.states() == dict.fromkeys(["a.png", "b/c.png", inside], "done") | {
        "gone.png": "failed"
    }
    [missing] = [row for row in told.rows if row.state == "failed"]
    assert missing.code == "missing"
    assert "gone.png: no such file" in missing.error


def test_pictures_in_tar_files_become_files_under_their_names(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("0.png", "1.png", "2.png", "3.png"))
    for number in (0, 1):
        with tarfile.open(tmp_path / f"part-{number:02}.tar", "w") as tar:
            for name in (f"{number}.png", f"{number + 2}.png"):
                tar.add(folder / name, f"./deep/{name}")
            tar.addfile(tarfile.TarInfo(f"{number}.json"))
    whole = (tmp_path / "part-01.tar").read_bytes()
    second = whole.index(b"./deep/3.png")
    (tmp_path / "part-02.tar").write_bytes(whole[: second + 300])
    with pytest.raises(RgtsrError, match=r"parts-\{00\.\.03\}\.tar: nothing is called so"):
        through(tmp_path / "parts-{00..03}.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    told = through(tmp_path / "part-{00..03}.tar", tmp_path / "out")
    alone = expected(folder, tmp_path / "alone")
    made = results(tmp_path / "out")
    assert made == {
        "part-00/deep/0.png": alone["0.png"],
        "part-00/deep/2.png": alone["2.png"],
        "part-01/deep/1.png": alone["1.png"],
        "part-01/deep/3.png": alone["3.png"],
        "part-02/deep/1.png": alone["1.png"],
    }
    errors = sorted(row.error for row in told.rows if row.error)
    assert len(errors) == 2
    assert "part-02.tar" in errors[0]
    assert "what follows in it was not read" in errors[0]
    assert "part-03.tar: no such file" in errors[1]
    again = through(tmp_path / "part-{00..01}.tar", tmp_path / "out")
    assert (again.count.there, again.count.done) == (4, 0)


def test_a_name_in_a_tar_file_that_cannot_be_followed_costs_itself_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("0.png", "1.png"))
    with tarfile.open(tmp_path / "part.tar", "w") as tar:
        for own, name in (("0", "../out.png"), ("0", "a.png"), ("1", "./a.png"), ("1", "b.png")):
            tar.add(folder / f"{own}.png", name)
    told = through(tmp_path / "part.tar", tmp_path / "out")
    alone = expected(folder, tmp_path / "alone")
    assert results(tmp_path / "out") == {
        "part/a.png": alone["0.png"],
        "part/b.png": alone["1.png"],
    }
    leading, twice = sorted(row.error for row in told.rows if row.error)
    assert "tar://../out.png::" in leading
    assert "leads out of its folder" in leading
    assert twice.startswith("tar://./a.png::")
    assert twice.endswith("stands in it twice: the first one is taken.")


@pytest.mark.parametrize("how", ["cut between members", "cut in a head", "head overwritten"])
def test_a_damaged_tar_file_is_never_taken_for_whole(how: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("0.png", "1.png", "2.png"))
    pack(tmp_path / "part.tar", folder, "0.png", "1.png", "2.png")
    whole = (tmp_path / "part.tar").read_bytes()
    head = whole.index(b"2.png")
    damaged = {
        "cut between members": whole[:head],
        "cut in a head": whole[: head + 100],
        "head overwritten": whole[:head] + b"x" * 512 + whole[head + 512 :],
    }
    (tmp_path / "part.tar").write_bytes(damaged[how])
    told = through(tmp_path / "part.tar", tmp_path / "out")
    assert set(results(tmp_path / "out")) == {"part/0.png", "part/1.png"}
    [error] = [row.error for row in told.rows if row.error]
    assert "part.tar: is damaged or cut off; what follows in it was not read" in error


def test_what_a_mended_tar_file_gives_has_failed_no_more(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("0.png", "1.png"))
    (folder / "2.png").hardlink_to(folder / "1.png")
    part, other = tmp_path / "part.tar", tmp_path / "other.tar"
    for tar in (part, other):
        pack(tar, folder, "0.png", "1.png", "2.png")
        cut_end(tar)
        through(tar, tmp_path / "out")
    lost = [f"tar://2.png::{part}", str(part)]
    assert set(failed(tmp_path / "out")) == {*lost, f"tar://2.png::{other}", str(other)}
    (folder / "2.png").unlink()
    make_folder(folder, ("2.png",))
    pack(part, folder, "0.png", "1.png", "2.png")
    through(part, tmp_path / "out")
    assert set(failed(tmp_path / "out")) == {f"tar://2.png::{other}", str(other)}
    pack(part, folder, "0.png")
    cut_end(part)
    through(part, tmp_path / "out")
    assert str(part) in failed(tmp_path / "out")


def test_a_tar_file_may_have_colons_in_its_name(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a::b.png",))
    pack(tmp_path / "x::y.tar", folder, "a::b.png")
    through(tmp_path / "x::y.tar", tmp_path / "out")
    [made] = results(tmp_path / "out").values()
    assert made == expected(folder, tmp_path / "alone")["a::b.png"]


def test_a_file_that_no_batch_made_is_not_replaced_by_a_tar_files(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png",))
    pack(tmp_path / "part.tar", folder, "a.png")
    own = tmp_path / "out" / "part" / "a.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"precious")
    for _ in range(2):
        with pytest.raises(UsageError, match="is there, and no batch made it"):
            through(tmp_path / "part.tar", tmp_path / "out")
        assert own.read_bytes() == b"precious"


def test_what_is_a_link_in_a_tar_file_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("0.png",))
    (folder / "1.png").hardlink_to(folder / "0.png")
    pack(tmp_path / "part.tar", folder, "0.png", "1.png")
    told = through(tmp_path / "part.tar", tmp_path / "out")
    [error] = [row.error for row in told.rows if row.error]
    assert error.endswith("is a link, which is not followed.")
    assert "tar://1.png::" in error


def test_results_without_rows_are_a_batchs_and_made_again(folder: Path, tmp_path: Path) -> None:
    through(folder, tmp_path / "out")
    for part in (tmp_path / "out" / "_manifest").glob("part-*"):
        part.unlink()  # as if the disk had been full for rows alone
    assert through(folder, tmp_path / "out").count.done == len(EIGHT)


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"a::b.png", b".hidden/a.png"])
def test_whatever_the_name_it_is_done_once(name: bytes, tmp_path: Path) -> None:
    path = make_folder(tmp_path / "in", (os.fsdecode(name),)) / os.fsdecode(name)
    source = tmp_path / "in"
    if b"hidden" in name:  # which no folder gives
        source = tmp_path / "in" / "all.parquet"
        parquet.write_table(pa.table({"path": [os.fsdecode(name)]}), source)
    for there in (0, 1):
        told = through(source, tmp_path / "out")
        assert (told.count.done, told.count.there, told.count.failed) == (1 - there, there, 0)
    assert (tmp_path / "out" / path.relative_to(tmp_path / "in")).exists()


def test_results_of_another_source_are_not_replaced(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_folder(tmp_path / name, ("x.png",))
    through(tmp_path / "a", tmp_path / "out")
    before = results(tmp_path / "out")
    pictures.write(noise(9), tmp_path / "b" / "y.png")
    told = through(tmp_path / "b", tmp_path / "out")
    assert (told.count.done, told.count.failed) == (1, 1)
    [error] = [row.error for row in told.rows if row.error]
    assert re.search(r"b/x\.png: .*out/x\.png is there, of .*a/x\.png: give another", error)
    assert results(tmp_path / "out")["x.png"] == before["x.png"]
    assert through(tmp_path / "a", tmp_path / "out").count.there == 1
    (tmp_path / "out" / "x.png").unlink()
    assert through(tmp_path / "b", tmp_path / "out").count.done == 1


def test_what_was_made_by_a_clock_ahead_is_known_to_be_old(folder: Path, tmp_path: Path) -> None:
    through(folder, tmp_path / "out")
    out = places.at(str(tmp_path / "out"))
    rows = Manifest(places.at(out.url("_manifest")), out)
    rows.add(replace(manifest(out.url())["3.png"], stamp="another", ended=time.time() + 1e6))
    rows.flush()
    assert through(folder, tmp_path / "out").count.done == 1
    assert through(folder, tmp_path / "out").count.done == 0


def test_a_workers_full_disk_is_not_the_destinations(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk))
    pictures.write(noise(0, 400, 400), tmp_path / "large.png")
    pictures.write(noise(0), tmp_path / "small.png")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("large.png", "small.png"):
            tar.add(tmp_path / name, name)
    told = through(tmp_path / "a.tar", tmp_path / "out")
    assert told.states() == {"a/large.png": "failed", "a/small.png": "done"}
    [failed] = [row for row in told.rows if row.error]
    assert failed.code == "spool"
    assert re.search(rf"{small_disk}/.*: no space is left there", failed.error)


def test_animations_stay_ones(tmp_path: Path) -> None:
    frames = pyvips.Image.new_from_array(noise(0, 40, 24).pixels_HWC)
    frames.set_type(pyvips.GValue.gint_type, "page-height", 20)
    (tmp_path / "in").mkdir()
    for name in ("a.gif", "b.webp"):
        frames.write_to_file(str(tmp_path / "in" / name))
    told = through(tmp_path / "in", tmp_path / "out")
    assert told.states() == {"a.gif.png": "done", "b.webp": "done"}
    assert {(row.width, row.height) for row in told.rows} == {(48, 40)}
    assert film.frames(tmp_path / "out" / "a.gif.png") == 2
    assert film.frames(tmp_path / "out" / "b.webp") == 2


def test_nothing_to_do_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(RgtsrError, match="has no picture that can be read"):
        through(tmp_path / "in", tmp_path / "out")
    with pytest.raises(RgtsrError, match="nothing is called so"):
        through(tmp_path / "in" / "part-*.tar", tmp_path / "out")


def test_a_path_in_a_list_that_leads_out_costs_itself_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png",))
    parquet.write_table(pa.table({"path": ["../b.png", "a.png"]}), folder / "all.parquet")
    told = through(folder / "all.parquet", tmp_path / "out")
    assert set(results(tmp_path / "out")) == {"a.png"}
    [error] = [row.error for row in told.rows if row.error]
    assert "../b.png" in error
    assert "leads out of its folder" in error


def test_tar_files_of_one_name_are_found_before_any_work(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("0.png",))
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        with tarfile.open(tmp_path / str(number) / "part.tar", "w") as tar:
            tar.add(folder / "0.png", "0.png")
    with pytest.raises(UsageError, match=r"0/part\.tar and .*1/part\.tar would both lie in"):
        through(tmp_path / "{0..1}" / "part.tar", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.png"))


def test_what_takes_another_suffix_keeps_its_own_before_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "a.jpg"))
    told = through(folder, tmp_path / "out", suffix=".jpg")
    assert told.states() == {"a.jpg": "done", "a.png.jpg": "done"}


def test_names_that_clash_are_found_before_any_work(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "a.png.jpg"))
    with pytest.raises(UsageError, match=r"a\.png and .*a\.png\.jpg would both become") as caught:
        through(folder, tmp_path / "out", suffix=".jpg")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="would replace a source"):
        through(folder, folder)
    make_folder(tmp_path / "out", ("a.png",))
    with pytest.raises(UsageError, match="no batch made it"):
        through(folder, tmp_path / "out")
    assert set(results(tmp_path / "out")) == {"a.png"}


def test_the_same_again_does_what_is_not_done_or_has_changed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    through(folder, out)
    (out / "0.png").unlink()
    (out / "1.png").write_bytes(b"cut")
    pictures.write(noise(77), folder / "2.png")
    told = through(folder, out)
    assert set(told.states()) == {"0.png", "1.png", "2.png"}
    assert results(out) == expected(folder, tmp_path / "alone")
    assert through(folder, out).count.there == 8


def test_a_picture_that_kills_its_process_is_named_and_the_others_are_made(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    told = through(folder, tmp_path / "out", poisoned, workers=2)
    failed = {row.output: row for row in told.rows if row.state == "failed"}
    assert (failed[POISON].code, failed["5.png"].code) == ("died", "picture")
    assert len(failed) == 2
    assert f"{POISON}: its process died (signal 11)" in failed[POISON].error
    assert set(results(tmp_path / "out")) == {f"{n}.png" for n in range(8)} - set(failed)
    assert set(manifest(tmp_path / "out")) == {f"{n}.png" for n in range(8)}
    again = through(folder, tmp_path / "out", poisoned)
    assert (again.rows, again.count.known) == ([], 2), "the picture is to blame"
    retried = through(folder, tmp_path / "out", retry=True)
    assert retried.states() == {POISON: "done", "5.png": "failed"}


def test_a_worker_that_is_killed_costs_nothing(folder: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill(_: Row) -> None:
        if not killed:
            [child, *_] = multiprocessing.active_children()
            assert child.pid is not None
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

    told = through(folder, tmp_path / "out", workers=2, on_row=kill)
    assert set(told.states().values()) == {"done"}
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone")


def test_what_a_worker_sits_on_is_given_to_another(folder: Path, tmp_path: Path) -> None:
    stopped: list[int] = []

    def stop(_: Row) -> None:
        if not stopped:
            [child, *_] = multiprocessing.active_children()
            assert child.pid is not None
            stopped.append(child.pid)
            os.kill(child.pid, signal.SIGSTOP)

    def hands(task: Task) -> Processes:
        return Processes(task, patience_s=0.1)

    told = through(folder, tmp_path / "out", hands=hands, workers=2, on_row=stop, slow_s=0.1)
    assert set(told.states().values()) == {"done"}
    assert len(told.rows) == 8
    assert set(results(tmp_path / "out")) == {f"{n}.png" for n in range(8)}


def test_a_worker_that_grows_is_replaced(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", [f"{number:02}.png" for number in range(40)])

    def hands(task: Task) -> Processes:
        return Processes(replace(task, grown_bytes=1 << 20))

    told = through(folder, tmp_path / "out", leaking, hands=hands)
    assert "a worker whose memory had grown was replaced" in told.lines
    assert list(told.states().values()) == ["done"] * 40


def test_a_full_destination_stops_the_run_which_goes_on_later(
    small_disk: Path, tmp_path: Path
) -> None:
    names = [f"{number:02}.png" for number in range(24)]  # of three pages each
    folder = make_folder(tmp_path / "in", names)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(80_000))
    told = Told()
    with pytest.raises(RgtsrError, match="is full: make room; the same command goes on"):
        through(folder, small_disk / "out", told=told)
    assert {row.code for row in told.rows} == {"", "full"}
    made = results(small_disk / "out")
    assert 0 < len(made) < len(names)
    ballast.unlink()
    for name in names[8:]:
        (folder / name).unlink()
    through(folder, small_disk / "out")
    assert results(small_disk / "out") == made | expected(folder, tmp_path / "alone")


def test_a_result_that_is_too_large_for_a_file_fails_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png", "z.png"))
    pictures.write(noise(0, 120, 120), folder / "large.png")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        told = through(folder, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert told.states() == {"a.png": "done", "large.png": "failed", "z.png": "done"}
    assert set(results(tmp_path / "out")) == {"a.png", "z.png"}
    assert through(folder, tmp_path / "out").count.known == 1
    assert through(folder, tmp_path / "out", retry=True).states() == {"large.png": "done"}
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone")


def test_a_second_driver_is_told_that_another_works(folder: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def start_another(_: Row) -> None:
        if not refused:
            with pytest.raises(RgtsrError) as caught:
                through(folder, tmp_path / "out")
            refused.append(str(caught.value))

    told = through(folder, tmp_path / "out", on_row=start_another)
    assert "another driver is at work there" in refused[0]
    assert set(told.states().values()) == {"done"}


def test_of_two_that_find_a_lease_dead_one_has_it(tmp_path: Path) -> None:
    place, lease = places.at(str(tmp_path)), tmp_path / "_lease-x"
    lease.write_text('{"machine": "elsewhere", "process": "1-0", "host": "far", "driver": "x"}')
    both = threading.Barrier(2)

    def take(_: int) -> Lease | str:
        both.wait()
        try:
            return Lease(place, "x", lambda _: None, dead_s=0.4)
        except RgtsrError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(take, range(2)))
    [refused] = [each for each in taken if isinstance(each, str)]
    assert "another driver" in refused
    [held] = [each for each in taken if isinstance(each, Lease)]
    with held:
        assert lease.exists()
    assert not lease.exists()


def test_the_lease_of_a_driver_that_is_gone_is_taken_over(folder: Path, tmp_path: Path) -> None:
    lease = tmp_path / "out" / "_manifest" / "_lease-1-of-1"
    lease.parent.mkdir(parents=True)
    lease.write_text('{"machine": "elsewhere", "process": "1-0", "host": "far", "driver": "x"}')
    told = through(folder, tmp_path / "out", dead_s=0.1)
    assert told.count.done == 8
    assert "is its owner alive?" in told.lines[0]
    assert not lease.exists()

"""What a batch knows of what was there before, and of what others do at the same time."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batches import make_folder, manifest, noise, results, task, through
from rgtsr import pictures
from rgtsr.batch import Batch, Count, Processes, Source, places, run
from rgtsr.batch import manifest as manifests
from rgtsr.batch.manifest import BEGUN
from rgtsr.batch.places import Place
from rgtsr.batch.systems.found import Found
from rgtsr.batch.systems.local import Local
from rgtsr.errors import RgtsrError, UsageError

PRECIOUS = b"precious"


def kept_elsewhere(source: Path, destination: Path, at: Path) -> Count:
    mine = task(destination)
    batch = Batch(Source(str(source), places.at(str(destination))), mine, str(at))
    return batch.run(Processes(mine), on_row=lambda _: None, say=lambda _: None)


def test_a_clash_is_found_before_any_work_in_a_later_run_too(tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png", "b.png")), tmp_path / "out"
    out.mkdir()
    (out / "z.png").write_bytes(PRECIOUS)
    through(folder, out)
    make_folder(folder, ("c.png", "z.png"))
    with pytest.raises(UsageError, match=r"z\.png: is there, and no batch made it"):
        through(folder, out)
    assert sorted(results(out)) == ["a.png", "b.png", "z.png"]
    assert (out / "z.png").read_bytes() == PRECIOUS


def test_what_was_there_before_may_be_moved_away_and_is_spared_whenever_it_was_touched(
    tmp_path: Path,
) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png",)), tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(PRECIOUS)
    through(make_folder(tmp_path / "other", ("c.png",)), out)
    (out / "a.png").touch()
    with pytest.raises(UsageError, match="no batch made it: give another destination, or move"):
        through(folder, out)
    (out / "a.png").rename(tmp_path / "a.png")
    assert through(folder, out).count.done == 1


def test_a_folder_there_that_may_not_be_opened_costs_what_would_lie_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png", "closed/b.png")), tmp_path / "out"
    (out / "closed").mkdir(parents=True)
    below = Local.below

    def closed(self: Local, folder: str) -> Iterator[Found]:
        if folder == str(out / "closed"):  # root, as whom the tests may run, can open anything
            raise PermissionError(errno.EACCES, "Permission denied")
        return below(self, folder)

    monkeypatch.setattr(Local, "below", closed)
    told = through(folder, out)
    assert told.states() == {"a.png": "done", f"{folder}/closed/b.png!": "failed"}
    [row] = [row for row in told.rows if row.error]
    assert (row.code, "may not be opened" in row.error) == ("forbidden", True)


def test_what_goes_while_a_folder_is_listed_hides_nothing(tmp_path: Path) -> None:
    names = {f"{number}.png" for number in range(3000)}
    for name in names:
        (tmp_path / name).touch()
    place, is_over = places.at(str(tmp_path)), threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            (tmp_path / "draft").touch()
            (tmp_path / "draft").unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        listings = [{found.path for found in place.files()} for _ in range(30)]
    finally:
        is_over.set()
        thread.join()
    assert all(listing - {"draft"} == names for listing in listings)


def test_a_damaged_picture_is_salvaged_by_the_same_command_with_that_option(
    tmp_path: Path,
) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.jpg", "b.jpg")), tmp_path / "out"
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    assert through(folder, out).states() == {"a.jpg": "done", "b.jpg": "failed"}
    assert through(folder, out).count.known == 1
    salvaged = through(folder, out, salvage=True)
    assert (salvaged.count.done, salvaged.count.there) == (1, 1)


def test_a_manifest_is_of_one_destination(tmp_path: Path) -> None:
    folder, elsewhere = make_folder(tmp_path / "in", ("a.png",)), tmp_path / "rows"
    kept_elsewhere(folder, tmp_path / "one", elsewhere)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "a.png").write_bytes(PRECIOUS)
    with pytest.raises(RgtsrError, match=r"rows: is the manifest of .*/one: give another"):
        kept_elsewhere(folder, tmp_path / "two", elsewhere)
    assert results(tmp_path / "two") == {"a.png": PRECIOUS}


def test_a_destination_may_be_moved_with_its_manifest(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in", ("a.png",))
    through(folder, tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    assert through(folder, tmp_path / "two").count.there == 1


@pytest.mark.parametrize("content", [b"", b'["a', b"[]", b"{}"])
def test_what_was_there_is_known_or_nothing_begins(tmp_path: Path, content: bytes) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png",)), tmp_path / "out"
    (out / "_manifest").mkdir(parents=True)
    (out / "_manifest" / BEGUN).write_bytes(content)
    with pytest.raises(RgtsrError, match=rf"{BEGUN}: is damaged: take it away"):
        through(folder, out)


def test_a_full_disk_leaves_no_half_of_what_was_there(small_disk: Path, tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png",)), small_disk / "out"
    (out / "_manifest").mkdir(parents=True)
    (out / "a.png").write_bytes(PRECIOUS)
    page = os.sysconf("SC_PAGE_SIZE")
    for free in (0, page):
        with (small_disk / "ballast").open("wb", buffering=0) as file:
            with pytest.raises(OSError, match="space"):
                while file.write(bytes(page)):
                    pass
            file.truncate(file.tell() - free)
        with pytest.raises((RgtsrError, UsageError)):
            through(folder, out)
        assert list((out / "_manifest").glob("*")) == []
        (small_disk / "ballast").unlink()
        (out / "_manifest").mkdir(exist_ok=True)
    with pytest.raises(UsageError, match="no batch made it"):
        through(folder, out)


def test_what_another_driver_did_until_now_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png",)), tmp_path / "out"
    other = tmp_path / "other"
    other.mkdir()
    pictures.write(noise(99), other / "a.png")
    lease = run.Lease

    def late(*arguments: object, **more: object) -> object:
        monkeypatch.setattr(run, "Lease", lease)
        through(folder, out)
        return lease(*arguments, **more)  # pyright: ignore[reportArgumentType] -- as it was given

    monkeypatch.setattr(run, "Lease", late)
    [row] = through(other, out).rows
    assert "is there, of" in row.error
    assert through(folder, out).count.there == 1


def test_rows_that_are_joined_while_they_are_read_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = places.at(str(tmp_path / "out"))
    through(make_folder(tmp_path / "in", ("a.png",)), out.url())
    [row] = manifest(out.url()).values()
    for part in (tmp_path / "out" / "_manifest").glob("part-*"):
        part.unlink()
    place = places.at(out.url("_manifest"))
    writing = manifests.Manifest(place, out)
    for _ in range(2):
        writing.add(row)
        writing.flush()
    read: Callable[..., bytes] = Place.read

    def slowly(self: Place, path: str = "", span: object = None) -> bytes:
        monkeypatch.setattr(Place, "read", read)
        writing.close()
        return read(self, path, span)

    monkeypatch.setattr(Place, "read", slowly)
    assert set(manifests.Manifest(place, out).known()) == {"a.png"}


def test_a_part_that_is_damaged_is_named(tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", ("a.png",)), tmp_path / "out"
    through(folder, out)
    [part] = (out / "_manifest").glob("part-*")
    whole = part.read_bytes()
    for content in (b"", whole[:-9], whole[:8] + b"\xff" * 60 + whole[68:]):
        part.write_bytes(content)
        with pytest.raises(RgtsrError, match=rf"{part.name}: is no part of a manifest"):
            through(folder, out)

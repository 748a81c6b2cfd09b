"""What a TIFF's own tags say: BigTIFF as well, one bad pointer."""

import struct
from pathlib import Path

import pytest
import pyvips

from pictures.made import photo
from rgtsr.errors import PictureError
from rgtsr.pictures import directories, read

MAKE, COPYRIGHT, EXIF, GPS = 0x010F, 0x8298, 0x8769, 0x8825
ISO = 0x8827
Tags = dict[int, tuple[int, int, bytes]]  # by number: type, count, values

ASCII, SHORT, LONG = 2, 3, 4


def with_tags(tiff: bytes, tags: Tags, *, far: Tags | None = None) -> bytes:
    """A little-endian TIFF or BigTIFF with more tags, and an EXIF directory of those ``far``."""
    big = tiff[:4] == b"II+\0"
    count, place, entry_bytes = ("<Q", "<Q", 20) if big else ("<H", "<I", 12)
    width = struct.calcsize(place)
    (start,) = struct.unpack_from(place, tiff, width)
    (many,) = struct.unpack_from(count, tiff, start)
    begin = start + struct.calcsize(count)
    entries = {
        struct.unpack_from("<H", tiff, at)[0]: tiff[at : at + entry_bytes]
        for at in range(begin, begin + many * entry_bytes, entry_bytes)
    }
    body = bytearray(tiff + bytes(len(tiff) % 2))

    def entry(tag: int, kind: int, number: int, data: bytes) -> bytes:
        if len(data) > width:
            at = len(body)
            body.extend(data + bytes(len(data) % 2))
            data = struct.pack(place, at)
        return struct.pack("<HH", tag, kind) + struct.pack(place, number) + data.ljust(width, b"\0")

    def directory(entries: dict[int, bytes]) -> int:
        at = len(body)
        body.extend(
            struct.pack(count, len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
        )
        body.extend(bytes(width))
        return at

    if far is not None:
        inner = directory({tag: entry(tag, *value) for tag, value in far.items()})
        tags = tags | {EXIF: (LONG, 1, struct.pack("<I", inner))}
    entries |= {tag: entry(tag, *value) for tag, value in tags.items()}
    struct.pack_into(place, body, width, directory(entries))
    return bytes(body)


def plain(**options: object) -> bytes:
    return pyvips.Image.new_from_array(photo()).tiffsave_buffer(**options)


WORDS: Tags = {MAKE: (ASCII, 11, b"Rolleiflex\0"), COPYRIGHT: (ASCII, 7, b"nobody\0")}


def said(path: Path) -> tuple[directories.Tags, tuple[str, ...]]:
    """The tags that are read of a file, and what is said of it."""
    picture = read(path)
    block = picture.metadata.exif
    if block is None:
        return {}, picture.notes
    body = block.removeprefix(b"Exif\0\0")
    return directories.parse(body, directories.first(body)), picture.notes


@pytest.mark.parametrize("big", [False, True])
def test_exif_of_a_tiff_is_read_whatever_its_size_may_be(tmp_path, big):
    far: Tags = {ISO: (SHORT, 1, b"\x64\0")}
    (tmp_path / "a.tif").write_bytes(with_tags(plain(bigtiff=big), WORDS, far=far))
    tags, notes = said(tmp_path / "a.tif")
    assert notes == ()
    assert tags[MAKE].data == b"Rolleiflex\0"
    assert tags[COPYRIGHT].data == b"nobody\0"
    body = (read(tmp_path / "a.tif").metadata.exif or b"").removeprefix(b"Exif\0\0")
    assert directories.parse(body, tags[EXIF].numbers()[0])[ISO].numbers() == (100,)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("pointer", [EXIF, GPS])
def test_one_bad_pointer_costs_its_own_directory_and_is_told(tmp_path, big, pointer):
    bad: Tags = {pointer: (LONG, 1, (10**9).to_bytes(4, "little"))}
    (tmp_path / "a.tif").write_bytes(with_tags(plain(bigtiff=big), WORDS | bad))
    tags, notes = said(tmp_path / "a.tif")
    assert tags[MAKE].data == b"Rolleiflex\0"
    assert tags[COPYRIGHT].data == b"nobody\0"
    assert [note.partition(":")[0] for note in notes] == ["1 EXIF tags were left out"]


@pytest.mark.parametrize("salvage", [False, True])
def test_tags_that_claim_more_than_the_file_holds_are_not_copied(tmp_path, salvage):
    """libtiff would take 50 MiB for these, again each time that the file is opened."""
    claims = {60_000 + tag: (ASCII, 2000, bytes(2000)) for tag in range(9)}
    whole = with_tags(plain(), claims)
    (tmp_path / "a.tif").write_bytes(whole)
    assert read(tmp_path / "a.tif").notes == ()
    (tmp_path / "a.tif").write_bytes(whole.replace(bytes((208, 7, 0, 0)), bytes((0, 64, 0, 0))))
    with pytest.raises(PictureError, match="its tags claim more than there is"):
        read(tmp_path / "a.tif", salvage=salvage)


def test_a_directory_of_more_tags_than_there_can_be_takes_no_memory():
    body = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**40)
    with pytest.raises(ValueError, match="more than a directory holds"):
        directories.parse(body, directories.first(body))

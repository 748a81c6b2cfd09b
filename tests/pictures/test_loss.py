"""What decoders lose is refused, or taken with a note that says how much is there."""

import contextlib
import io
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from pictures.made import photo
from rgtsr.errors import PictureError
from rgtsr.pictures import directories, read

HEIGHT, WIDTH = 300, 400


def grainy() -> pyvips.Image:
    """A picture that leaves no compressor much to guess."""
    noise = np.random.default_rng(0).integers(-20, 20, (HEIGHT, WIDTH, 3))
    return pyvips.Image.new_from_array(
        np.clip(photo(HEIGHT, WIDTH).astype(int) + noise, 0, 255).astype(np.uint8)
    )


def flipped(whole: bytes, at: float = 0.5, count: int = 200) -> bytes:
    start = int(len(whole) * at)
    return (
        whole[:start]
        + bytes(byte ^ 0x5A for byte in whole[start : start + count])
        + whole[start + count :]
    )


def saved(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def tiled(compression: str) -> bytes:
    return grainy().tiffsave_buffer(
        compression=compression, tile=True, tile_width=64, tile_height=64
    )


def strips(compression: str) -> bytes:
    return grainy().tiffsave_buffer(compression=compression)


def fax(*, tile: bool) -> bytes:
    grey = grainy().colourspace("b-w") > 128
    return grey.tiffsave_buffer(
        compression="ccittfax4", bitdepth=1, tile=tile, tile_width=64, tile_height=64
    )


def cut_tiff(compression: str, *, tile: bool) -> bytes:
    """A file whose directory stands first, and whose last part is not all there."""
    whole = tiled(compression) if tile else strips(compression)
    start = directories.first(whole)
    tags = directories.parse(whole, start)
    room = len(directories.laid_out(tags, {}, 8))
    for tag in (273, 324):
        if tag in tags:
            moved = np.array(tags[tag].numbers(), "<u4") + room
            tags[tag] = directories.Value(4, len(moved), moved.tobytes())
    head = whole[:4] + (8).to_bytes(4, "little") + directories.laid_out(tags, {}, 8)
    return head + whole[8 : start - 3000]


def tagged(tiff: bytes, tag: int, value: directories.Value) -> bytes:
    """The same TIFF with one more tag, in a new directory at its end."""
    tags = directories.parse(tiff, directories.first(tiff)) | {tag: value}
    at = len(tiff) + len(tiff) % 2
    moved = tiff[:4] + at.to_bytes(4, "little") + tiff[8:].ljust(at - 8, b"\0")
    return moved + directories.laid_out(tags, {}, at)


def with_compression(tiff: bytes, number: int) -> bytes:
    """A TIFF that claims another compression, for which there is no decoder."""
    return tagged(tiff, 259, directories.Value(3, 1, number.to_bytes(2, "little")))


def jpeg(**options: object) -> bytes:
    return grainy().jpegsave_buffer(Q=90, **options)


def gap(whole: bytes) -> bytes:
    """The file without 500 bytes in its middle."""
    return whole[: len(whole) // 2] + whole[len(whole) // 2 + 500 :]


DAMAGED: dict[str, Callable[[], bytes]] = {
    "cut.jpg": lambda: jpeg()[:60_000],
    "cut-progressive.jpg": lambda: jpeg(interlace=True)[:60_000],
    "gap.jpg": lambda: gap(jpeg()),
    "gap-restarts.jpg": lambda: gap(jpeg(restart_interval=25)),
    "flipped-restarts.jpg": lambda: flipped(jpeg(restart_interval=25), count=20),
    "flipped-progressive.jpg": lambda: flipped(jpeg(interlace=True), count=1),
    "tiles-lzw.tif": lambda: flipped(tiled("lzw")),
    "tiles-webp.tif": lambda: flipped(tiled("webp")),
    "tiles-lzw-odd-tag.tif": lambda: tagged(
        flipped(tiled("lzw")), 271, directories.Value(2, 5, b"hello")
    ),
    "strips-lzw.tif": lambda: flipped(strips("lzw")),
    "tiles-deflate.tif": lambda: flipped(tiled("deflate")),
    "tiles-deflate-ill.tif": lambda: flipped(tiled("deflate"), count=3),
    "strips-deflate.tif": lambda: flipped(strips("deflate")),
    "strips-deflate-ill.tif": lambda: flipped(strips("deflate"), count=3),
    "tiles-packbits.tif": lambda: flipped(tiled("packbits")),
    "strips-packbits.tif": lambda: flipped(strips("packbits")),
    "strips-fax.tif": lambda: flipped(fax(tile=False), count=3),
    "tiles-fax.tif": lambda: flipped(fax(tile=True), count=3),
    **{
        f"cut-{'tiles' if tile else 'strips'}-{compression}.tif": (
            lambda tile=tile, compression=compression: cut_tiff(compression, tile=tile)
        )
        for tile in (True, False)
        for compression in ("deflate", "lzw")
    },
    "strips-jpeg.tif": lambda: flipped(strips("jpeg"), count=20),
    "cut.png": lambda: grainy().pngsave_buffer()[:200_000],
    "flipped.png": lambda: flipped(grainy().pngsave_buffer(), count=1),
    "cut.gif": lambda: grainy().gifsave_buffer()[:50_000],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_refused_and_the_way_out_is_told(tmp_path, name):
    path = saved(tmp_path, name, DAMAGED[name]())
    with pytest.raises(PictureError, match=r"damaged.*--salvage") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_left_can_be_taken_with_a_note(tmp_path, name):
    picture = read(saved(tmp_path, name, DAMAGED[name]()), salvage=True)
    assert picture.size == (HEIGHT, WIDTH)
    (note,) = picture.notes
    assert "it is damaged (" in note
    assert "rows" in note or "tiles" in note or "no part" in note


@pytest.mark.parametrize(
    "name",
    ["cut.jpg", "gap.jpg", "strips-lzw.tif", "strips-deflate.tif", "cut.png"],
)
def test_the_rows_that_are_said_to_be_sound_are(tmp_path, name):
    picture = read(saved(tmp_path, name, DAMAGED[name]()), salvage=True)
    rows = int(picture.notes[0].split("): ")[1].split(" of")[0])
    suffix = Path(name).suffix
    whole = jpeg() if suffix == ".jpg" else grainy().pngsave_buffer()
    expected = read(saved(tmp_path, "whole" + suffix, whole)).pixels_HWC
    assert rows > (0 if name == "gap.jpg" else 50)
    half = rows // 2 if name == "gap.jpg" else rows  # what lies behind a gap is shifted unheard
    assert np.array_equal(picture.pixels_HWC[:half], expected[:half])


def test_lost_tiles_are_counted(tmp_path):
    whole = tiled("lzw")
    picture = read(saved(tmp_path, "a.tif", flipped(whole, count=1500)), salvage=True)
    expected = read(saved(tmp_path, "whole.tif", whole)).pixels_HWC
    blocks = [
        (slice(y, y + 64), slice(x, x + 64)) for y in range(0, 300, 64) for x in range(0, 400, 64)
    ]
    differing = sum(
        not np.array_equal(picture.pixels_HWC[block], expected[block]) for block in blocks
    )
    assert f"{differing} of its {len(blocks)} tiles are lost" in picture.notes[0]


@pytest.mark.parametrize("number", [6, 34_925, 50_000, 33_005, 34_712])
@pytest.mark.parametrize("tile", [True, False])
def test_a_tiff_whose_packing_is_unknown_is_refused_whatever_is_asked(tmp_path, number, tile):
    whole = tiled("lzw") if tile else strips("lzw")
    path = saved(tmp_path, "odd.tif", with_compression(whole, number))
    for salvage in (False, True):
        with pytest.raises(PictureError, match="damaged, incomplete or of an unknown kind"):
            read(path, salvage=salvage)


@pytest.mark.parametrize("options", [{}, {"interlace": True}, {"restart_interval": 9}])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_mark_has_lost_nothing(tmp_path, options, missing):
    whole = jpeg(**options)
    picture = read(saved(tmp_path, "a.jpg", whole[:-missing]))
    assert picture.notes == ("its end mark is missing: nothing else is.",)
    expected = read(saved(tmp_path, "b.jpg", whole))
    assert expected.notes == ()
    assert np.array_equal(picture.pixels_HWC, expected.pixels_HWC)


def test_a_jpeg_that_lacks_a_little_more_has_lost_something(tmp_path):
    with pytest.raises(PictureError, match="premature end"):
        read(saved(tmp_path, "a.jpg", jpeg()[:-40]))


def test_a_gif_that_lacks_only_its_end_mark_has_lost_nothing(tmp_path):
    whole = grainy().gifsave_buffer()
    picture = read(saved(tmp_path, "a.gif", whole[:-1]))
    expected = read(saved(tmp_path, "b.gif", whole))
    assert np.array_equal(picture.pixels_HWC, expected.pixels_HWC)


def test_a_warning_about_nothing_is_no_loss(tmp_path):
    whole = jpeg()
    scan = whole.index(b"\xff\xda")
    spectral = scan + 2 + 2 + 1 + 2 * 3 + 1  # the end of the band, 63 in every baseline file
    odd = whole[:spectral] + b"\0" + whole[spectral + 1 :]
    with pytest.raises(pyvips.Error, match="Invalid SOS"):
        pyvips.Image.jpegload_buffer(odd, fail_on="warning").avg()
    assert read(saved(tmp_path, "a.jpg", odd)).notes == ()


@pytest.mark.parametrize("compression", ["lzw", "jpeg"])
@pytest.mark.parametrize("tile", [True, False])
def test_a_warning_about_a_tag_is_no_loss(tmp_path, compression, tile):
    whole = grainy().tiffsave_buffer(compression=compression, tile=tile)
    odd = tagged(whole, 271, directories.Value(2, 5, b"hello"))  # has no zero at its end
    assert read(saved(tmp_path, "a.tif", odd)).notes == ()


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        (jpeg, lambda: gap(jpeg())),
        (lambda: strips("jpeg"), DAMAGED["strips-jpeg.tif"]),
        (lambda: strips("lzw"), DAMAGED["strips-jpeg.tif"]),
    ],
    ids=["jpeg", "jpeg-in-tiff", "lzw-in-tiff"],
)
@pytest.mark.parametrize("salvage", [False, True])
def test_a_loss_is_laid_to_the_file_that_has_it(tmp_path, whole, damaged, salvage):
    good, bad = saved(tmp_path, "good", whole()), saved(tmp_path, "bad", damaged())
    sound: list[bool] = []

    def take(path: Path) -> None:
        for _ in range(20):
            try:
                sound.append(read(path, salvage=salvage and path == bad).notes == ())
            except PictureError:
                assert path == bad

    threads = [threading.Thread(target=take, args=(path,)) for path in (good, bad, good, bad)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sound.count(True) == 40
    assert len(sound) == (80 if salvage else 40)


def bitmap(pixels_HWC: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels_HWC).save(stream, "BMP")
    return stream.getvalue()


def claiming(name: str, whole: bytes) -> bytes:
    """The file with a header that says 144 million pixels."""
    side = (12_000).to_bytes(4, "big")
    if name == "a.png":
        head = b"IHDR" + side + side + whole[24:29]
        return whole[:12] + head + zlib.crc32(head).to_bytes(4, "big") + whole[33:]
    if name == "a.jpg":
        at = whole.index(b"\xff\xc0") + 5
        return whole[:at] + side[2:] + side[2:] + whole[at + 4 :]
    if name == "a.bmp":
        return whole[:22] + (12_000**2 // 64).to_bytes(4, "little") + whole[26:]
    tags = dict.fromkeys((256, 257), directories.Value.long(12_000))
    return tagged(tagged(whole, 256, tags[256]), 257, tags[257])


def test_an_earlier_file_is_not_quoted_about_a_later_one(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(DAMAGED["cut.jpg"]())
    webp = pyvips.Image.new_from_array(photo()).webpsave_buffer()
    (tmp_path / "cut.webp").write_bytes(webp[: len(webp) // 2])
    for salvage in (False, True):
        with contextlib.suppress(PictureError):
            read(tmp_path / "cut.jpg", salvage=salvage)
    with pytest.raises(PictureError) as caught:
        read(tmp_path / "cut.webp")
    assert "Jpeg" not in str(caught.value)
    assert "JPEG" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "tiles.tif"])
def test_what_claims_far_more_than_it_holds_is_not_salvaged(tmp_path, name):
    small = grainy().crop(0, 0, 64, 64)
    wholes = {
        "a.png": small.pngsave_buffer,
        "a.jpg": small.jpegsave_buffer,
        "a.bmp": lambda: bitmap(small.numpy()),
        "a.tif": lambda: small.tiffsave_buffer(compression="lzw"),
        "tiles.tif": lambda: small.tiffsave_buffer(
            compression="lzw", tile=True, tile_width=16, tile_height=16
        ),
    }
    path = saved(tmp_path, name, claiming(name, wholes[name]()))
    with pytest.raises(PictureError, match="damaged"):
        read(path, salvage=True)

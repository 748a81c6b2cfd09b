"""Formats beyond those that are written: GIF, BMP, HEIC, JPEG XL; and frames beyond the first."""

import struct
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from pictures.made import photo, profile
from rgtsr.errors import PictureError
from rgtsr.pictures import Picture, ability, formats, read, vips

PAGES = 3


def book(name: str, folder: Path) -> Path:
    """Three pages, each darker than the one before."""
    pages = [pyvips.Image.new_from_array(photo() // (1 + page)) for page in range(PAGES)]
    stack = pyvips.Image.arrayjoin(pages, across=1)
    stack.set_type(pyvips.GValue.gint_type, "page-height", 40)
    options = {".webp": {"lossless": True}, ".avif": {"lossless": True}, ".gif": {"bitdepth": 8}}
    stack.write_to_file(str(folder / name), **options.get(Path(name).suffix, {}))
    return folder / name


@pytest.mark.parametrize("name", ["book.tif", "film.webp", "film.avif", "film.gif"])
def test_pages_beyond_the_first_are_told_and_can_be_taken(tmp_path, name):
    path = book(name, tmp_path)
    for page in (None, 1, 2, 3):
        picture = read(path, page=page)
        assert picture.notes == (f"page {page or 1} of 3 was read: --page takes another.",)
        expected = photo() // (page or 1)
        difference = np.abs(picture.pixels_HWC.astype(int) - expected)
        assert difference.mean() <= (3 if ".gif" in name else 1)


@pytest.mark.parametrize("name", ["book.tif", "film.webp", "film.gif", "one.png", "one.bmp"])
def test_a_page_that_is_not_there_is_refused(tmp_path, name):
    path = tmp_path / name
    if name.startswith("one"):
        Image.fromarray(photo()).save(path)
    else:
        book(name, tmp_path)
    with pytest.raises(PictureError, match="has no page 4, only"):
        read(path, page=4)
    with pytest.raises(ValueError, match="the first page is 1"):
        read(path, page=0)


def test_a_gif_with_transparency_is_read(tmp_path):
    array = np.zeros((8, 8, 4), np.uint8)
    array[:4] = (250, 10, 30, 255)
    Image.fromarray(array).save(tmp_path / "a.gif")
    picture = read(tmp_path / "a.gif")
    assert picture.alpha_HW is not None
    assert np.array_equal(picture.to_array()[:4], array[:4])
    assert not picture.alpha_HW[4:].any()


MODES = {
    "1": photo(channels=1)[:, :, 0] > 128,
    "L": photo(channels=1)[:, :, 0],
    "RGB": photo(),
    "RGBA": photo(channels=4),  # written without a mask for alpha: nobody may read it as such
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", [1, 2, 3, 5, 59, 60])
def test_a_bitmap_is_read_as_another_program_reads_it(tmp_path, mode, width):
    Image.fromarray(MODES[mode][:, :width]).save(tmp_path / "a.bmp", dpi=(300, 150))
    picture = read(tmp_path / "a.bmp")
    with Image.open(tmp_path / "a.bmp") as other:
        expected = np.asarray(other.convert("RGB"))
    assert np.array_equal(picture.to_array(), expected)
    assert picture.metadata.resolution_per_mm == pytest.approx((150 / 25.4, 300 / 25.4), rel=1e-3)


def bitmap(rows: NDArray[np.uint8], width: int, bits: int, **header: object) -> bytes:
    """A bitmap by hand: stored rows, whatever their order; masks and palette as bytes."""
    height = header.get("height", len(rows))
    masks, palette = header.get("masks", b""), header.get("palette", b"")
    start = 14 + 40 + len(masks) + len(palette)
    packing = header.get("packing", 3 if masks else 0)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 0, 0, 0, 0, 0)
    data = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()
    return struct.pack("<2sIII", b"BM", 0, 0, start) + info + masks + palette + data


@pytest.mark.parametrize(
    "data",
    [
        bitmap(photo(channels=1)[:, :8, 0] % 4, 16, 4, palette=bytes(range(64))),
        bitmap(photo(channels=1)[:, :20, 0], 10, 16),
        bitmap(
            photo(channels=1)[:, :20, 0], 10, 16, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)
        ),
        bitmap(photo(channels=1)[:, :40, 0], 10, 32),
        bitmap(photo(channels=1)[:, :30, 0], 10, 24, height=-40),
    ],
)
def test_rarer_bitmaps_are_read_as_another_program_reads_them(tmp_path, data):
    (tmp_path / "a.bmp").write_bytes(data)
    with Image.open(tmp_path / "a.bmp") as other:
        expected = np.asarray(other.convert("RGB")).astype(int)
    assert np.abs(read(tmp_path / "a.bmp").pixels_HWC - expected).max() <= 1


def test_a_bitmap_that_breaks_off_is_refused_or_salvaged(tmp_path):
    Image.fromarray(photo()).save(tmp_path / "a.bmp")
    data = (tmp_path / "a.bmp").read_bytes()
    (tmp_path / "a.bmp").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match="it holds 19 of 40 rows"):
        read(tmp_path / "a.bmp")
    picture = read(tmp_path / "a.bmp", salvage=True)
    assert picture.notes == ("it is damaged: 19 of its 40 rows are there.",)
    assert np.array_equal(picture.pixels_HWC[21:], photo()[21:])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bitmap(photo()[:, :, 0], 60, 8, packing=1), "run-length coded"),
        (bitmap(photo()[:, :, 0], -60, 8), "is no picture's size"),
        (bitmap(photo()[:, :, 0], 60, 7), "7 bits a pixel"),
        (bitmap(photo()[:, :, 0], 60, 8)[:30], "damaged"),
        (bitmap(photo()[:, :, 0], 60_000, 8, height=60_000), "more than the limit"),
    ],
)
def test_bitmaps_that_are_not_read_are_refused_in_one_line(tmp_path, data, words):
    (tmp_path / "a.bmp").write_bytes(data)
    with pytest.raises(PictureError, match=words) as caught:
        read(tmp_path / "a.bmp")
    assert "\n" not in str(caught.value)


def test_a_bitmap_s_profile_is_kept(tmp_path):
    data = bitmap(photo()[:, :30, 0], 10, 24)
    icc, pixels = profile("p3"), data[54:]
    header = data[14:54] + bytes(16 + 56 - 56) + bytes(124 - 56)
    header = struct.pack("<I", 124) + header[4:56] + b"DEBM" + header[60:112]
    header += struct.pack("<III", 124 + len(pixels), len(icc), 0)
    start = struct.pack("<2sIII", b"BM", 0, 0, 14 + 124)
    (tmp_path / "a.bmp").write_bytes(start + header + pixels + icc)
    picture = read(tmp_path / "a.bmp")
    assert picture.metadata.icc == icc
    assert np.array_equal(picture.pixels_HWC[::-1, :, ::-1].reshape(40, 30), photo()[:, :30, 0])


@pytest.mark.parametrize(
    ("packing", "words"),
    [(1, "run-length coded"), (2, "run-length coded"), (4, "JPEG in a bitmap")],
)
@pytest.mark.parametrize("salvage", [False, True])
def test_a_bitmap_of_a_kind_that_is_not_read_is_not_called_damaged(
    tmp_path, packing, words, salvage
):
    Image.fromarray(photo(channels=1)[:, :, 0]).save(tmp_path / "a.bmp")
    whole = (tmp_path / "a.bmp").read_bytes()
    (tmp_path / "a.bmp").write_bytes(whole[:30] + packing.to_bytes(4, "little") + whole[34:])
    with pytest.raises(PictureError, match=f"is a BMP file, {words}.*save it as PNG") as caught:
        read(tmp_path / "a.bmp", salvage=salvage)
    assert "damaged" not in str(caught.value)


def test_the_further_pictures_of_an_mpo_are_told(tmp_path):
    first, second = Image.fromarray(photo()), Image.fromarray(photo()[::-1])
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[second])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    picture = read(tmp_path / "a.jpg")
    assert picture.notes == ("the first of 2 pictures in it was read: others cannot be.",)
    with pytest.raises(PictureError, match="has no page 2, only 1 that can be read"):
        read(tmp_path / "a.jpg", page=2)
    assert picture.size == photo().shape[:2]
    first.save(tmp_path / "one.jpg")
    assert read(tmp_path / "one.jpg").notes == ()


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def heic() -> bytes:
    """A HEIC file without a picture in it, as one of a telephone begins."""
    configuration = bytes([1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xF0, 0, 0xFC, 0xFD, 0xF8])
    hvcc = box(b"hvcC", configuration, bytes([0xF8, 0, 0, 0x0F, 0]))
    ispe = box(b"ispe", struct.pack(">III", 0, 64, 64))
    ipma = box(b"ipma", struct.pack(">IIHBBB", 0, 1, 1, 2, 0x81, 2))
    infe = box(b"infe", struct.pack(">IHH4sB", 0x2000000, 1, 0, b"hvc1", 0))

    def meta(offset: int) -> bytes:
        iloc = box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, offset, 100))
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", struct.pack(">IH", 0, 1)),
            iloc,
            box(b"iinf", struct.pack(">IH", 0, 1), infe),
            box(b"iprp", box(b"ipco", ispe, hvcc), ipma),
        )

    start = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    offset = len(start) + len(meta(0)) + 8
    return start + meta(offset) + box(b"mdat", struct.pack(">I", 96) + bytes(96))


def test_a_heic_without_its_decoder_is_not_called_damaged(tmp_path):
    (tmp_path / "a.heic").write_bytes(heic())
    with pytest.raises(PictureError, match="is HEIC, and there is no decoder for it") as caught:
        read(tmp_path / "a.heic")
    assert "damaged" not in str(caught.value)
    assert heic() == ability.EMPTY_HEIC
    assert formats.HEIC not in ability.readable()


@pytest.mark.parametrize("start", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_a_jpeg_xl_file_is_known_by_name(tmp_path, start):
    (tmp_path / "a.jxl").write_bytes(start + bytes(40))
    missing = not vips.can(formats.JXL.loader or "")
    words = "is JPEG XL, and there is no decoder" if missing else "this JPEG XL file is damaged"
    with pytest.raises(PictureError, match=words):
        read(tmp_path / "a.jxl")


def test_every_format_that_is_written_can_be_read_and_has_its_saver():
    from rgtsr.pictures import savers

    assert set(savers.SAVERS) == {*formats.WRITABLE, formats.DZI, formats.GIF}
    assert all(form.loader and vips.can(form.loader) for form in formats.WRITABLE)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32, np.float32])
def test_samples_that_name_no_white_are_refused_by_their_type(tmp_path, dtype):
    image = pyvips.Image.new_from_array((photo() // 2).astype(dtype), interpretation="srgb")
    image.tiffsave(str(tmp_path / "a.tif"))
    with pytest.raises(PictureError, match=f"holds samples of type {np.dtype(dtype)}, of which"):
        read(tmp_path / "a.tif")


def test_a_picture_shows_itself_in_a_few_words():
    assert repr(Picture.from_array(photo())) == "<Picture 60 x 40, RGB, 8 bit>"
    deep = Picture.from_array(np.zeros((2, 3, 2), np.uint16))
    assert repr(deep) == "<Picture 3 x 2, grey and alpha, 16 bit>"

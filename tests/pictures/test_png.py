"""PNG's chunks: kept, mended, made into a profile, and none invented."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pictures.made import photo, profile
from rgtsr.pictures import Metadata, Picture, png, profiles, read, write

XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/">Füße, 写真 🌄</x:xmpmeta>'.encode()
SRGB_CHRM = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def plain(array: NDArray[np.uint8] | None = None) -> bytes:
    """A PNG of nothing but pixels."""
    buffer = io.BytesIO()
    Image.fromarray(photo() if array is None else array).save(buffer, "png")
    return buffer.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Every chunk, by a reader of the test's own."""
    found, place = [], 8
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", data, place + 8 + size) == (zlib.crc32(kind + body),)
        found.append((kind, body))
        place += 12 + size
    return found


def with_chunks(folder: Path, *extra: tuple[bytes, bytes], behind: bool = False) -> Path:
    """A plain PNG with more chunks, before or behind the pixels."""
    whole = plain()
    place = len(whole) - 12 if behind else 33
    made = b"".join(png.chunk(*one) for one in extra)
    (folder / "in.png").write_bytes(whole[:place] + made + whole[place:])
    return folder / "in.png"


def kinds(path: Path) -> list[bytes]:
    """The kinds of chunks, runs of pixels as one."""
    found = [kind for kind, _ in chunks(path.read_bytes())]
    return [kind for kind, before in zip(found, [b"", *found], strict=False) if kind != before]


def test_nothing_is_invented(tmp_path):
    write(Picture.from_array(photo()), tmp_path / "out.png")
    assert kinds(tmp_path / "out.png") == [b"IHDR", b"IDAT", b"IEND"]


def test_a_resolution_is_written_where_one_is_known(tmp_path):
    picture = Picture.from_array(photo(), Metadata(resolution_per_mm=(5.0, 10.0)))
    write(picture, tmp_path / "out.png")
    (size,) = [
        data for kind, data in chunks((tmp_path / "out.png").read_bytes()) if kind == b"pHYs"
    ]
    assert size == struct.pack(">IIB", 10_000, 5000, 1)
    write(picture, tmp_path / "out.png", strip=True)
    assert kinds(tmp_path / "out.png") == [b"IHDR", b"IDAT", b"IEND"]


def test_xmp_is_written_as_unicode_for_every_reader(tmp_path):
    write(Picture.from_array(photo(), Metadata(xmp=XMP)), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as other:
        assert other.info["XML:com.adobe.xmp"].encode() == XMP
    assert kinds(tmp_path / "out.png") == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    assert read(tmp_path / "out.png").metadata.xmp == XMP


@pytest.mark.parametrize("behind", [False, True])
def test_texts_and_blocks_are_kept_wherever_they_stand(tmp_path, behind):
    info = [
        (b"tEXt", b"Author\0nobody"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"many words")),
        (b"iTXt", "Title\0\0\0de\0Titel\0Füße".encode()),
    ]
    exif = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0Cam\0\0\0\0\0"
    xmp = (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
    path = with_chunks(tmp_path, *info, (b"eXIf", exif), xmp, behind=behind)
    picture = read(path)
    assert picture.notes == ()
    write(picture, tmp_path / "out.png")
    found = chunks((tmp_path / "out.png").read_bytes())
    assert [one for one in found if one in info] == info
    assert (b"eXIf", exif) in found
    assert picture.metadata.xmp == XMP
    (note,) = write(picture, tmp_path / "out.jpg")
    assert note == "JPEG has no place for PNG's texts: Author, Comment, Title were left out."
    write(picture, tmp_path / "bare.png", strip=True)
    assert kinds(tmp_path / "bare.png") == [b"IHDR", b"IDAT", b"IEND"]


def test_exif_in_figures_is_understood(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0Cam\0\0\0\0\0"
    figures = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    path = with_chunks(tmp_path, (b"tEXt", b"Raw profile type exif\0" + figures))
    assert read(path).metadata.exif == exif
    assert read(path).metadata.texts == ()


def as_srgb(icc: bytes | None, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a colour-managed viewer shows."""
    image = pyvips.Image.new_from_array(array)
    if icc is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    shown = image.icc_transform("srgb", embedded=True, input_profile="srgb", intent="relative")
    return shown.numpy()


@pytest.mark.parametrize(
    "color",
    [
        [(b"sRGB", b"\0")],
        [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *SRGB_CHRM))],
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"cICP", bytes([1, 13, 0, 1]))],
    ],
)
def test_srgb_however_it_is_said_becomes_its_profile(tmp_path, color):
    icc = read(with_chunks(tmp_path, *color)).metadata.icc
    assert icc is not None
    assert np.abs(as_srgb(icc, photo()).astype(int) - photo()).max() <= 1


def test_a_coded_wide_gamut_becomes_its_profile(tmp_path):
    icc = read(with_chunks(tmp_path, (b"cICP", bytes([12, 13, 0, 1])))).metadata.icc
    colors = (photo() // 2 + 64).astype(np.uint8)
    assert icc is not None
    assert np.abs(as_srgb(icc, colors).astype(int) - as_srgb(profile("p3"), colors)).max() <= 2


@pytest.mark.parametrize("power", [1.0, 1 / 1.8, 1 / 2.2])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_gamma_becomes_a_profile(tmp_path, power, mode):
    ramp = np.arange(256, dtype=np.uint8)
    array = ramp[None] if mode == "L" else ramp[None, :, None].repeat(3, axis=2)
    whole = plain(array)
    gamma = png.chunk(b"gAMA", struct.pack(">I", round(power * 100_000) + 2))
    (tmp_path / "in.png").write_bytes(whole[:33] + gamma + whole[33:])
    picture = read(tmp_path / "in.png")
    light = (ramp / 255) ** (1 / power)
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    shown = as_srgb(picture.metadata.icc, picture.pixels_HWC)
    difference = np.abs(shown[0].reshape(256, -1)[:, 0] - expected)
    assert difference[16:].max() <= 1.5  # below, the viewer's own table is coarse


def test_colours_of_high_dynamic_range_are_told_of(tmp_path):
    picture = read(with_chunks(tmp_path, (b"cICP", bytes([9, 16, 0, 1]))))
    assert picture.metadata.icc is None
    assert picture.notes == ("its colours are of a coded kind (9, 16, 0, 1), taken as they stand.",)


@pytest.mark.parametrize(
    "color",
    [
        (b"gAMA", bytes(4)),
        (b"gAMA", b"\xff" * 4),
        (b"gAMA", b""),
        (b"cHRM", bytes(32)),
    ],
)
def test_colour_chunks_that_make_no_sense_are_passed_over(tmp_path, color):
    picture = read(with_chunks(tmp_path, color))
    assert picture.metadata.icc is None


def test_primaries_that_make_no_sense_are_passed_over(tmp_path):
    gamma = (b"gAMA", struct.pack(">I", 45455))
    for primaries in (bytes(32), b"\xff" * 32, struct.pack(">8I", *[33333] * 8)):
        assert read(with_chunks(tmp_path, gamma, (b"cHRM", primaries))).metadata.icc is None


def test_a_profile_in_the_file_comes_first(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100_000))
    Image.fromarray(photo()).save(tmp_path / "a.png", icc_profile=profile("p3"), pnginfo=info)
    assert read(tmp_path / "a.png").metadata.icc == profile("p3")


def test_frames_of_an_animation_are_told_of(tmp_path):
    frames = [Image.fromarray(photo() // (1 + index)) for index in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    picture = read(tmp_path / "a.png")
    told = "it is an animation of 3 frames: the first was read; into .png all go."
    assert picture.notes == (told,)
    assert np.array_equal(picture.pixels_HWC, photo())


def test_a_text_that_unpacks_to_much_is_cut(tmp_path):
    bomb = (b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(bytes(2**28)))
    xmp = read(with_chunks(tmp_path, bomb)).metadata.xmp
    assert xmp is not None
    assert len(xmp) <= png.LIMIT_BYTES


def test_primaries_that_are_none_are_refused():
    with pytest.raises(ValueError, match="are no primaries"):
        profiles.made((2.2,), (0.3, 0.3) * 4, is_grey=False)

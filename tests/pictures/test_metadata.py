"""What files say beside their pixels, kept and kept true, through every pair of formats."""

import struct
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from pictures.made import FORMATS, XMP, Save, photo, profile
from rgtsr.pictures import Metadata, Picture, directories, exif, read, write
from rgtsr.pictures.metadata import sized, upright

EXIF = {
    "ifd0-Make": "Rolleiflex",
    "ifd0-Copyright": "nobody",
    "ifd2-ExposureTime": "1/125",
    "ifd2-LensModel": "Planar 80",
    "ifd2-PixelXDimension": "60",
    "ifd2-PixelYDimension": "40",
    "ifd3-GPSLatitude": "48/1 8/1 23/2",
}
IPTC = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x09\x1c\x02\x05\0\x04Name\0"


def told(block: bytes) -> dict[str, str]:
    """What libexif, inside libvips, reads in an EXIF block: a tag's name and its text."""
    jpeg = pyvips.Image.black(8, 8).jpegsave_buffer(keep="none")
    segment = struct.pack(">HH", 0xFFE1, len(block) + 2) + block
    image = pyvips.Image.new_from_buffer(jpeg[:2] + segment + jpeg[2:], "")
    names = [name for name in image.get_fields() if name.startswith("exif-ifd")]
    return {name.removeprefix("exif-"): image.get(name).split(" (")[0].strip() for name in names}


def enlarged(picture: Picture) -> Picture:
    """Twice the size, by repetition."""
    pixels = picture.pixels_HWC.repeat(2, axis=0).repeat(2, axis=1)
    return Picture(pixels, None, picture.metadata)


@pytest.fixture
def taken(save: Save) -> Picture:
    """A photo with everything, taken with the camera on its side."""
    labels = {"icc": profile("p3"), "xmp": XMP, "iptc": IPTC}
    return read(save(photo(), "taken.jpg", orientation=6, per_mm=11.811, exif=EXIF, **labels))


def test_exif_stays_and_tells_the_new_size(taken, tmp_path, suffix):
    write(enlarged(taken), tmp_path / f"out{suffix}")
    block = read(tmp_path / f"out{suffix}").metadata.exif
    assert block is not None
    tags = told(block)
    for name in EXIF.keys() - {"ifd2-PixelXDimension", "ifd2-PixelYDimension"}:
        assert tags[name] == EXIF[name]
    assert (tags["ifd2-PixelXDimension"], tags["ifd2-PixelYDimension"]) == ("80", "120")


def test_an_ordinary_block_loses_nothing(taken, tmp_path, suffix):
    notes = write(taken, tmp_path / f"out{suffix}")
    assert [note for note in notes if "IPTC" not in note] == []


def test_orientation_is_not_applied_twice(taken, tmp_path, suffix):
    assert taken.size == (60, 40)
    write(taken, tmp_path / f"out{suffix}")
    image = pyvips.Image.new_from_file(str(tmp_path / f"out{suffix}")).autorot()
    assert (image.height, image.width) == (60, 40)
    assert read(tmp_path / f"out{suffix}").size == (60, 40)


def test_profile_and_xmp_stay(taken, tmp_path, suffix):
    write(enlarged(taken), tmp_path / f"out{suffix}")
    metadata = read(tmp_path / f"out{suffix}").metadata
    assert metadata.icc == profile("p3")
    expected = XMP.replace(b'Orientation="6"', b'Orientation="1"').replace(b">60<", b">80<")
    assert metadata.xmp == expected


@pytest.mark.parametrize("source", FORMATS)
def test_resolution_stays_between_any_two_formats(save: Save, tmp_path, source, suffix):
    made = save(photo(), "made" + source, per_mm=11.811)
    write(read(made), tmp_path / f"out{suffix}")
    resolution = read(tmp_path / f"out{suffix}").metadata.resolution_per_mm
    assert resolution == pytest.approx((11.811, 11.811), rel=1e-4)


def test_iptc_stays_in_jpeg(taken, tmp_path):
    write(taken, tmp_path / "out.jpg")
    assert read(tmp_path / "out.jpg").metadata.iptc == IPTC


def test_iptc_is_named_where_it_has_no_place(taken, tmp_path):
    for suffix in (".png", ".webp", ".tif", ".avif"):
        notes = write(taken, tmp_path / f"out{suffix}")
        assert any("no place for IPTC" in note for note in notes), suffix


def test_a_comment_stays_in_jpeg_and_is_named_elsewhere(tmp_path):
    body = pyvips.Image.new_from_array(photo()).jpegsave_buffer()
    text = "Grüße".encode()
    segment = b"\xff\xfe" + struct.pack(">H", 2 + len(text)) + text
    (tmp_path / "in.jpg").write_bytes(body[:2] + segment + body[2:])
    picture = read(tmp_path / "in.jpg")
    assert picture.metadata.comment == text
    assert write(picture, tmp_path / "out.jpg") == ()
    assert read(tmp_path / "out.jpg").metadata.comment == text
    write(picture, tmp_path / "bare.jpg", strip=True)
    assert read(tmp_path / "bare.jpg").metadata.comment is None
    assert any("no place for JPEG's comment" in note for note in write(picture, tmp_path / "a.png"))


def test_strip_leaves_nothing_but_the_profile(taken, tmp_path, suffix):
    write(taken, tmp_path / f"out{suffix}", strip=True)
    metadata = read(tmp_path / f"out{suffix}").metadata
    assert (metadata.exif, metadata.xmp, metadata.iptc) == (None, None, None)
    assert metadata.icc == profile("p3")


def test_no_exif_is_invented(tmp_path, suffix):
    write(Picture.from_array(photo()), tmp_path / f"out{suffix}")
    assert read(tmp_path / f"out{suffix}").metadata.exif is None


def test_exif_of_a_tiff_reaches_other_formats_and_comes_back(taken, tmp_path):
    write(taken, tmp_path / "one.tif")
    write(read(tmp_path / "one.tif"), tmp_path / "two.jpg")
    write(read(tmp_path / "two.jpg"), tmp_path / "three.tif")
    block = read(tmp_path / "three.tif").metadata.exif
    assert block is not None
    assert EXIF.items() - told(block).items() <= {
        ("ifd2-PixelXDimension", "60"),
        ("ifd2-PixelYDimension", "40"),
    }
    assert np.abs(read(tmp_path / "three.tif").pixels_HWC.astype(int) - taken.pixels_HWC).max() < 9


def test_the_thumbnail_is_dropped(tmp_path):
    thumbnail = pyvips.Image.new_from_array(photo(10, 10)).jpegsave_buffer(keep="none")
    image = pyvips.Image.new_from_array(photo())
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", thumbnail)
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Make", "Rolleiflex")
    image.jpegsave(str(tmp_path / "with.jpg"))
    assert thumbnail in (tmp_path / "with.jpg").read_bytes()
    write(read(tmp_path / "with.jpg"), tmp_path / "out.jpg")
    assert thumbnail not in (tmp_path / "out.jpg").read_bytes()
    assert pyvips.Image.new_from_file(str(tmp_path / "out.jpg")).get("exif-ifd0-Make")


def block(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    """A small EXIF block made by hand: (tag, type, count, four bytes of value) in one directory."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    body = b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0" + head + body + struct.pack(order + "I", 4711)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_corrected_in_place(order):
    short, long = struct.pack(order + "H2x", 6), struct.pack(order + "I", 60)
    before = block(order, (0x0100, 4, 1, long), (0x0112, 3, 1, short), (0x0131, 2, 4, b"cam\0"))
    one, wide = struct.pack(order + "H2x", 1), struct.pack(order + "I", 80)
    after = block(order, (0x0100, 4, 1, wide), (0x0112, 3, 1, one), (0x0131, 2, 4, b"cam\0"))
    assert exif.corrected(before, (120, 80)) == after[:-4] + bytes(4)


def test_a_block_that_makes_no_sense_is_dropped():
    for broken in (
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0JJ*\0" + bytes(20),
    ):
        assert exif.corrected(broken) is None
        assert exif.resolution_per_mm(broken) is None


@given(st.binary(max_size=60))
def test_no_block_of_bytes_breaks_the_reader(noise):
    for start in (b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08"):
        corrected = exif.corrected(start + noise, (3, 4))
        assert corrected is None or len(corrected) == len(start + noise)
        exif.resolution_per_mm(start + noise)


def test_resolution_turns_and_nothing_is_made_of_nothing():
    assert upright(Metadata(resolution_per_mm=(1.0, 2.0)), turned=True).resolution_per_mm == (2, 1)
    assert upright(Metadata()) == sized(Metadata(), 3, 4) == Metadata()


def test_a_profile_of_another_kind_does_not_stop_the_writing(tmp_path, suffix):
    grey = Picture.from_array(photo(channels=1), Metadata(icc=profile("p3")))
    write(grey, tmp_path / f"out{suffix}")
    assert read(tmp_path / f"out{suffix}").size == (40, 60)


@pytest.mark.parametrize("name", ["exif", "xmp"])
def test_metadata_too_large_for_jpeg_is_left_out_and_told(tmp_path, name):
    large = block("<", (0x0131, 2, 70_000, struct.pack("<I", 26)))[:-4] + bytes(4) + b"x" * 70_000
    metadata = Metadata(**{name: {"exif": large, "xmp": XMP + b" " * 70_000}[name]})
    (note,) = write(Picture.from_array(photo(), metadata), tmp_path / "out.jpg")
    assert "64 KiB" in note
    assert getattr(read(tmp_path / "out.jpg").metadata, name) is None
    assert write(Picture.from_array(photo(), metadata), tmp_path / "out.png") == ()
    assert getattr(read(tmp_path / "out.png").metadata, name) is not None


def test_exif_that_makes_no_sense_is_left_out_and_told(tmp_path):
    broken = b"Exif\0\0II*\0\xff\xff\xff\xff"
    whole = pyvips.Image.new_from_array(photo()).jpegsave_buffer(keep="none")
    segment = struct.pack(">HH", 0xFFE1, len(broken) + 2) + broken
    (tmp_path / "odd.jpg").write_bytes(whole[:2] + segment + whole[2:])
    picture = read(tmp_path / "odd.jpg")
    assert picture.metadata.exif is None
    assert picture.notes == ("its EXIF block cannot be understood: it was left out.",)


def odd_exif(maker_note: bytes) -> bytes:
    """A block with tags that are rare: fractions by the row, a private tag, a maker's note."""
    value = directories.Value
    lens = value(5, 4, struct.pack("<8I", 24, 1, 70, 1, 28, 10, 28, 10))
    inner = {0xA432: lens, 0x9999: value(2, 8, b"private\0"), 0x927C: value(7, 60, maker_note)}
    point = value(5, 2, struct.pack("<4I", 1, 3, 1, 3))
    tags = {0x010F: value(2, 6, b"Canon\0"), 0x013E: point, 0x9C9A: value(1, 8, bytes(8))}
    return b"Exif\0\0II*\0\x08\0\0\0" + directories.laid_out(tags, {0x8769: inner}, 8)


@pytest.mark.parametrize(("maker_note", "lost"), [(b"C" * 60, 2), (b"FUJIFILM" + bytes(52), 1)])
def test_odd_exif_tags_reach_a_tiff_or_are_counted(tmp_path, maker_note, lost):
    picture = Picture.from_array(photo(), Metadata(exif=odd_exif(maker_note)))
    notes = write(picture, tmp_path / "out.tif")
    assert notes == (exif.left_out(lost),)  # 0x9C9A has no place in a TIFF
    body = (tmp_path / "out.tif").read_bytes()
    tags = directories.parse(body, directories.first(body))
    inner = directories.parse(body, tags[0x8769].numbers()[0])
    assert tags[0x013E].numbers() == (1, 3, 1, 3)
    assert inner[0xA432].numbers() == (24, 1, 70, 1, 28, 10, 28, 10)
    assert inner[0x9999].data == b"private\0"
    assert (0x927C in inner) == (lost == 1)


def test_exif_has_no_place_in_a_big_endian_tiff(tmp_path):
    (tmp_path / "big.tif").write_bytes(b"MM\0*" + bytes(40))
    with pytest.raises(ValueError, match="big-endian"):
        exif.into_tiff(tmp_path / "big.tif", odd_exif(bytes(60)))
    assert (tmp_path / "big.tif").read_bytes() == b"MM\0*" + bytes(40)


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp"])
def test_odd_exif_is_written_byte_for_byte(tmp_path, name):
    block = odd_exif(b"C" * 60)
    assert write(Picture.from_array(photo(), Metadata(exif=block)), tmp_path / name) == ()
    assert read(tmp_path / name).metadata.exif == block


@pytest.mark.parametrize("alpha", [False, True])
def test_exif_without_a_resolution_gains_one_in_webp(tmp_path, alpha):
    block = odd_exif(b"C" * 60)
    metadata = Metadata(exif=block, xmp=XMP, resolution_per_mm=(5.0, 10.0))
    write(Picture.from_array(photo(channels=4 if alpha else 3), metadata), tmp_path / "out.webp")
    found = read(tmp_path / "out.webp").metadata
    assert found.resolution_per_mm == pytest.approx((5, 10))
    assert found.exif is not None
    assert found.exif[14 : len(block)] == block[14:]
    assert found.xmp is not None
    assert told(found.exif)["ifd0-Make"] == "Canon"


def test_odd_exif_tags_in_avif_are_kept_or_counted(tmp_path):
    picture = Picture.from_array(photo(), Metadata(exif=odd_exif(b"C" * 60)))
    (note,) = write(picture, tmp_path / "out.avif")
    assert "EXIF tags were left out" in note


GAIN_MAP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="me" '
    b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    b'hdrgm:GainMapMax="2.1" xmlns:Container="http://ns.google.com/photos/1.0/container/">'
    b"<hdrgm:Gamma><rdf:Seq><rdf:li>1</rdf:li></rdf:Seq></hdrgm:Gamma>"
    b"<Container:Directory><rdf:Seq><rdf:li>GainMap</rdf:li></rdf:Seq>"
    b"</Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_a_gain_map_that_is_dropped_takes_its_words_with_it(save: Save):
    picture = read(save(photo(), "hdr.jpg", xmp=GAIN_MAP))
    assert picture.notes == ("its HDR gain map was left out: this is the picture without it.",)
    xmp = picture.metadata.xmp
    assert xmp is not None
    assert b'dc:creator="me"' in xmp
    for word in (b"hdrgm:Version", b"GainMapMax", b"hdrgm:Gamma", b"Container:Directory"):
        assert word not in xmp
    assert xmp.count(b"<") == xmp.count(b">")
    ET.fromstring(xmp)

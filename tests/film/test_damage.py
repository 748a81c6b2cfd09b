"""Films that are cut off, damaged, or no films: never a success, and what is lost is told."""

import functools
import io
import itertools
import re
from dataclasses import replace
from pathlib import Path

import av
import pytest

from film.clips import Clip, frames, write, write_sound
from rgtsr import film
from rgtsr.errors import PictureError
from rgtsr.film import structure
from rgtsr.upscaler import Upscaler

damage = functools.partial(structure.damage, on_moment=lambda: None)

LONG = Clip(starts=range(0, 60 * 512, 512), has_sound=False)


def broken(path: Path, kind: str) -> Path:
    """A film of which something lacks."""
    body = write(path, LONG).read_bytes()
    if kind == "cut":
        body = body[: len(body) * 2 // 3]
    if kind == "flipped":
        middle = len(body) // 2
        flipped = bytes(byte ^ 0x55 for byte in body[middle : middle + 300])
        body = body[:middle] + flipped + body[middle + 300 :]
    path.write_bytes(body)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [("cut", "of its 2.4 seconds are there"), ("flipped", "damaged|decoded|there")],
)
def test_what_lacks_is_told_and_salvaged_if_asked_for(
    kind: str, words: str, repeating: Upscaler, tmp_path: Path
) -> None:
    source, target = broken(tmp_path / "a.mkv", kind), tmp_path / "b.mkv"
    with pytest.raises(PictureError, match=words):
        film.enlarge(repeating, source, target, film.Order())
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
    report = film.enlarge(repeating, source, target, film.Order(salvage=True))
    assert any(re.search(words, note) for note in report.notes)
    assert len(frames(target)) == len(frames(source))


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi"])
@pytest.mark.parametrize("has_sound", [False, True])
def test_no_part_goes_missing_without_a_word(
    name: str, has_sound: bool, repeating: Upscaler, tmp_path: Path
) -> None:
    """Neither where a film is cut, its sound going on as long as its pictures, nor midway."""
    codec = {"a.mkv": "libx264", "a.webm": "libvpx-vp9", "a.avi": "mpeg4"}[name]
    clip = replace(LONG, codec=codec, has_sound=has_sound and name != "a.webm")
    source = write(tmp_path / name, clip)
    body, container = source.read_bytes(), "avi" if name == "a.avi" else "matroska,webm"
    assert damage(source, container) is None
    for share in range(2, 100, 7):
        source.write_bytes(body[: len(body) * share // 100])
        assert damage(source, container)
    head, behind = (b"00dc", body.index(b"movi") + 1600) if container == "avi" else (b"\xa3", 3000)
    middle = body.index(head, behind)
    source.write_bytes(body[:middle] + bytes(200) + body[middle + 200 :])
    words = r"are there|from byte .* belongs there"
    with pytest.raises(PictureError, match=words):
        film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())
    source.write_bytes(body[: len(body) * 97 // 100])
    with pytest.raises(PictureError, match="are there"):
        film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())
    source.write_bytes(body)
    film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())


@pytest.mark.parametrize("format_name", ["matroska", "webm", "avi"])
def test_what_was_written_into_a_pipe_is_whole(format_name: str, tmp_path: Path) -> None:
    """So it says nowhere how long it is."""

    class Pipe(io.RawIOBase):
        parts = b""

        def writable(self) -> bool:
            return True

        def write(self, part: bytes) -> int:
            self.parts += part
            return len(part)

    source = write(tmp_path / "a.mkv", replace(LONG, codec="libvpx"))
    pipe = Pipe()
    with av.open(str(source)) as film_in, av.open(pipe, "w", format=format_name) as out:
        copy = out.add_stream_from_template(film_in.streams.video[0])
        for packet in film_in.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    (tmp_path / "b").write_bytes(pipe.parts)
    container = "avi" if format_name == "avi" else "matroska,webm"
    assert damage(tmp_path / "b", container) is None
    (tmp_path / "b").write_bytes(pipe.parts[:-7])
    assert damage(tmp_path / "b", container)


def test_what_only_looks_damaged_is_not(tmp_path: Path) -> None:
    """Chunks without the byte that makes them even, and a rest at the end that is none."""
    movi = b"movi" + b"".join(
        name + len(body).to_bytes(4, "little") + body
        for name, body in ((b"00dc", b"abc"), (b"01wb", b"defgh"), (b"00dc", b"ij"))
    )
    body = b"AVI " + b"LIST" + len(movi).to_bytes(4, "little") + movi + bytes(5)
    (tmp_path / "a").write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    assert damage(tmp_path / "a", "avi") is None
    live = b"\x18\x53\x80\x67\xff\x1f\x43\xb6\x75\xff\xe7\x81\x00\xec\x80\xa3\x81\x00"
    head = b"\x1a\x45\xdf\xa3\x80"
    (tmp_path / "b").write_bytes(2 * (head + live))
    assert damage(tmp_path / "b", "matroska,webm") is None
    (tmp_path / "b").write_bytes(head + live + b"\xbf\x90" + bytes(16))
    assert damage(tmp_path / "b", "matroska,webm") is None


def test_an_avi_that_is_cut_off_says_so(repeating: Upscaler, tmp_path: Path) -> None:
    source = write(tmp_path / "a.avi", replace(LONG, codec="mpeg4"))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(PictureError, match="bytes are there"):
        film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())


def test_a_packet_of_sound_that_is_damaged_costs_itself_alone(
    repeating: Upscaler, tmp_path: Path
) -> None:
    source, target = write(tmp_path / "a.ts", replace(LONG, has_sound=True)), tmp_path / "b.mkv"
    body = source.read_bytes()
    head = body.index(b"\xff\xf1", len(body) // 2)  # of a packet of AAC
    source.write_bytes(body[:head] + b"\0\0" + body[head + 2 :])
    report = film.enlarge(repeating, source, target, film.Order())
    assert [note for note in report.notes if re.search(r"damaged: \d packets of its audio", note)]
    assert len(frames(target)) == len(LONG.starts)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.webm"])
@pytest.mark.parametrize("content", [b"", b"no film " * 99], ids=["empty", "text"])
def test_what_is_no_film_is_an_error_in_one_line(
    name: str, content: bytes, repeating: Upscaler, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PictureError, match=f"{name}: cannot be read as a film"):
        film.enlarge(repeating, tmp_path / name, tmp_path / "b.mkv", film.Order())


def test_sound_alone_is_no_film(repeating: Upscaler, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        write_sound(out, out.add_stream("aac", rate=48_000), 0.1)
    with pytest.raises(PictureError, match="has no moving picture"):
        film.enlarge(repeating, tmp_path / "a.mp4", tmp_path / "b.mp4", film.Order())


def test_films_are_known_by_what_they_are(tmp_path: Path, demo_dir: Path) -> None:
    for suffix in ("mp4", "mkv", "avi", "ts", "mov", "webm"):
        codec = "libvpx-vp9" if suffix == "webm" else "libx264"
        path = write(tmp_path / f"a.{suffix}", Clip(codec=codec, has_sound=False))
        assert film.is_film(path.rename(tmp_path / "picture.jpg"))
    (tmp_path / "still.mp4").write_bytes((demo_dir / "demo-brushes.png").read_bytes())
    assert not film.is_film(tmp_path / "still.mp4")
    assert film.is_film(tmp_path / "missing.mkv")
    assert not film.is_film(tmp_path / "missing.png")


def test_cuts_anywhere_end_in_a_result_or_one_line(repeating: Upscaler, tmp_path: Path) -> None:
    body = write(tmp_path / "a.mkv", Clip(has_sound=False)).read_bytes()
    for number, share in enumerate(itertools.chain(range(1, 16), range(60, 100, 5))):
        source = tmp_path / f"{number}.mkv"
        source.write_bytes(body[: len(body) * share // 100])
        try:
            film.enlarge(repeating, source, tmp_path / f"{number}-x2.mkv", film.Order())
        except PictureError as error:
            assert str(error).startswith(str(source))

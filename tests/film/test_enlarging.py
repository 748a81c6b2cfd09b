"""Films: every picture is enlarged as it would be alone, and all else is carried over."""

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from film.clips import Clip, frames, moments, packets, write
from rgtsr import film
from rgtsr.errors import PictureError, UsageError
from rgtsr.film import colour, looking, planes, planning
from rgtsr.upscaler import Upscaler

LOSSLESS = film.Order(asked=film.Asked("ffv1"))
VARIABLE = (0, 512, 600, 1500, 1501, 4000, 4100, 9000)
HDR = (
    "log-level=none:hdr10=1:max-cll=1000,400:master-display="
    "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)
DEEP = Clip(
    codec="libx265",
    layout="yuv420p10le",
    size=(64, 96),
    tags=(9, 16, 9, 1),
    options=(("x265-params", HDR),),
)


@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_each_picture_is_what_it_would_be_alone(
    layout: str, enlarging: Upscaler, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.mkv", Clip(layout=layout, moves=2))
    film.enlarge(enlarging, source, tmp_path / "b.mkv", LOSSLESS)
    before, after = looking.look(source), looking.look(tmp_path / "b.mkv")
    assert (after.layout, after.tags, after.size) == (layout, before.tags, (64, 96))
    made = frames(tmp_path / "b.mkv")
    assert len(made) == 8
    for small, large in zip(frames(source), made, strict=True):
        alone = enlarging.upscale(planning.picture(small, before))
        wanted = colour.from_rgb(alone.pixels_HWC, after.coding)
        for plane, own in zip(planes.of(large, after), wanted, strict=True):
            assert np.array_equal(plane, own)


@pytest.mark.parametrize(
    ("name", "target"),
    [("a.mp4", "b.mp4"), ("a.mp4", "b.mov"), ("a.mkv", "b.mkv"), ("a.mov", "b.mp4")],
)
def test_sound_subtitles_chapters_and_labels_are_carried(
    name: str, target: str, repeating: Upscaler, tmp_path: Path
) -> None:
    subtitles = {"a.mp4": "mov_text", "a.mkv": "subrip"}.get(name)
    fonts = b"letters" if name == "a.mkv" else None
    clip = Clip(subtitles=subtitles, attachment=fonts)
    source = write(tmp_path / name, clip)
    report = film.enlarge(repeating, source, tmp_path / target, film.Order())
    assert report.notes == ("8 pictures by libx264",)
    assert moments(tmp_path / target) == moments(source)
    for kind in ("audio", "subtitle"):
        assert packets(tmp_path / target, kind) == packets(source, kind)
    with av.open(str(source)) as before, av.open(str(tmp_path / target)) as after:
        assert [c["metadata"] for c in after.chapters()] == [
            c["metadata"] for c in before.chapters()
        ]
        assert after.metadata.get("title") == before.metadata.get("title")
        for kind in ("audio", "subtitles", "attachments"):
            pairs = zip(getattr(before.streams, kind), getattr(after.streams, kind), strict=True)
            for old, new in pairs:
                assert (old.language, old.name) == (new.language, new.name)
                assert old.disposition == new.disposition


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_that_vary_turning_and_the_shape_of_pixels_stay(
    suffix: str, repeating: Upscaler, tmp_path: Path
) -> None:
    base = Fraction(1, 12_800 if suffix == "mp4" else 1000)
    clip = Clip(starts=VARIABLE, base=base, degrees=90, aspect=Fraction(4, 3))
    source, target = write(tmp_path / f"a.{suffix}", clip), tmp_path / f"b.{suffix}"
    film.enlarge(repeating, source, target, film.Order(final_size=lambda s: (s[0] * 3, s[1] * 2)))
    before, after = looking.look(source), looking.look(target)
    assert [f.pts for f in frames(target)] == [f.pts for f in frames(source)] == list(VARIABLE)
    assert (after.time_base, after.turning) == (before.time_base, before.turning)
    assert (after.aspect, after.is_turned) == (Fraction(4, 3), True)
    assert after.size == (64, 144)  # sizes are meant as it is shown: three times as high


def test_films_that_say_no_times_are_even(repeating: Upscaler, tmp_path: Path) -> None:
    source = write(tmp_path / "a.avi", Clip(base=Fraction(1, 25), starts=range(8)))
    assert moments(source) != [Fraction(n, 25) for n in range(8)]
    film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())
    there = moments(tmp_path / "b.mkv")
    assert [at - there[0] for at in there] == [Fraction(n, 25) for n in range(8)]


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("range_", [1, 2], ids=["limited", "full"])
def test_patches_keep_their_codes_and_films_their_tags(
    matrix: int, range_: int, repeating: Upscaler, tmp_path: Path
) -> None:
    red = {1: (63, 102, 240), 5: (81, 90, 240), 9: (74, 97, 240)}[matrix]
    for codes in [(16, 128, 128), (235, 128, 128), red, (120, 110, 140)]:
        clip = Clip(tags=(matrix, matrix, matrix, range_), flat=codes, starts=(0, 512))
        source = write(tmp_path / "a.mkv", replace(clip, codec="ffv1"))
        film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())
        made, (first, *_) = looking.look(tmp_path / "b.mkv"), frames(tmp_path / "b.mkv")
        assert made.codec == "ffv1"  # what has lost nothing loses nothing
        assert made.tags == looking.look(source).tags
        assert made.tags.matrix == matrix
        assert made.tags.range == range_
        if range_ == 1:
            found = [np.unique(plane).tolist() for plane in planes.of(first, made)]
            assert found == [[code] for code in codes]
        (tmp_path / "b.mkv").unlink()


def test_ten_bits_stay_ten_with_their_brightness(repeating: Upscaler, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", DEEP)
    report = film.enlarge(repeating, source, tmp_path / "b.mp4", film.Order())
    before, after = looking.look(source), looking.look(tmp_path / "b.mp4")
    assert after.layout == "yuv420p10le"
    assert after.tags == before.tags == looking.Tags(9, 16, 9, 1)
    assert after.light == before.light
    assert before.light.most == (1000, 400)
    assert report.notes == ("8 pictures by libx265",)
    with pytest.raises(PictureError, match="libvpx-vp9 has no 10 bit"):
        film.enlarge(
            repeating, source, tmp_path / "c.mkv", film.Order(asked=film.Asked("libvpx-vp9"))
        )


def test_what_a_kind_of_file_cannot_hold_is_told(repeating: Upscaler, tmp_path: Path) -> None:
    clip = Clip(subtitles="subrip", attachment=b"x", aspect=Fraction(4, 3))
    source = write(tmp_path / "a.mkv", clip)
    report = film.enlarge(repeating, source, tmp_path / "b.mp4", film.Order())
    assert "MP4 has no place for its subtitle (srt in ger): left out" in report.notes
    assert any("attachment" in note for note in report.notes)
    report = film.enlarge(repeating, source, tmp_path / "b.webm", film.Order())
    assert any("audio (aac" in note for note in report.notes)
    assert "the shape of its pixels was left out" in report.notes


def test_a_colon_in_a_name_is_no_protocol(
    repeating: Upscaler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.mp4", Clip()).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    film.enlarge(repeating, Path("12:30.mp4"), tmp_path / "b.mp4", film.Order())
    assert len(frames(tmp_path / "b.mp4")) == len(Clip().starts)


def test_sound_that_the_new_file_does_not_take_is_said_before_work(
    repeating: Upscaler, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.mkv", Clip(sound="pcm_s16le"))  # of which MKV tells no layout
    seen = list[float]()
    with pytest.raises(PictureError, match=r"b\.mp4: does not take all that is in .*a\.mkv"):
        film.enlarge(
            repeating,
            source,
            tmp_path / "b.mp4",
            film.Order(),
            on_progress=lambda done, _: seen.append(done),
        )
    assert not seen
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.mkv"]
    film.enlarge(repeating, source, tmp_path / "b.mkv", film.Order())


@pytest.mark.parametrize(
    ("target", "asked", "words"),
    [
        ("b.avi", film.Asked(), "cannot be written as .avi"),
        ("b.mp4", film.Asked("ffv1"), "does not hold ffv1"),
        ("b.mp4", film.Asked(crf=60), "--crf=60 is out of range: 0 to 51"),
        ("b.mkv", film.Asked("ffv1", crf=3), "leave --crf out"),
        ("b.mp4", film.Asked(preset="quick"), "take one of placebo"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    target: str, asked: film.Asked, words: str, repeating: Upscaler, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.mp4", Clip(has_sound=False, starts=(0, 512)))
    with pytest.raises(UsageError, match=words):
        film.enlarge(repeating, source, tmp_path / target, film.Order(asked=asked))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_odd_sides_are_rounded_or_refused(repeating: Upscaler, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", Clip(starts=(0, 512)))
    odd = film.Order(final_size=lambda _: (49, 73))
    report = film.enlarge(repeating, source, tmp_path / "b.mp4", odd)
    assert report.size == (50, 74)
    assert any("73 x 49 became 74 x 50" in note for note in report.notes)
    with pytest.raises(PictureError, match="has an odd side"):
        film.enlarge(repeating, source, tmp_path / "c.mp4", replace(odd, is_exact=True))
    exact = replace(odd, is_exact=True, asked=film.Asked("ffv1"))
    assert film.enlarge(repeating, source, tmp_path / "c.mkv", exact).size == (49, 73)


def test_woven_and_transparent_films_are_refused(repeating: Upscaler, tmp_path: Path) -> None:
    woven = write(tmp_path / "a.mkv", Clip(is_woven=True))
    with pytest.raises(PictureError, match="is interlaced"):
        film.enlarge(repeating, woven, tmp_path / "b.mkv", film.Order())
    clear = write(tmp_path / "c.mkv", Clip(codec="ffv1", layout="yuva420p"))
    with pytest.raises(PictureError, match="is transparent in parts"):
        film.enlarge(repeating, clear, tmp_path / "b.mkv", film.Order())


def test_rgb_and_grey_films_stay_so(repeating: Upscaler, tmp_path: Path) -> None:
    for layout, codec, kept in (
        ("rgb24", "libx264rgb", "gbrp"),
        ("gray", "ffv1", "gray"),
        ("gbrp10le", "ffv1", "gbrp10le"),
    ):
        tags = (1, 13, 0, 2) if layout != "gray" else (2, 2, 2, 1)
        clip = Clip(codec=codec, layout=layout, tags=tags, flat=(90, 20, 200))
        if layout == "rgb24":
            clip = replace(clip, flat=(90, 90, 90), size=(32, 48))
        source = write(tmp_path / "a.mkv", clip)
        film.enlarge(repeating, source, tmp_path / "b.mkv", LOSSLESS)
        made = looking.look(tmp_path / "b.mkv")
        assert made.layout == kept
        before = planes.of(frames(source)[0], looking.look(source))
        after = planes.of(frames(tmp_path / "b.mkv")[0], made)
        for old, new in zip(before, after, strict=True):
            assert np.array_equal(old.repeat(2, 0).repeat(2, 1), new)


@pytest.mark.parametrize(("codec", "code"), [("ffv1", 250), ("rawvideo", 3), ("libx264", 250)])
def test_grey_that_says_no_range_is_taken_as_its_codec_means_it(
    codec: str, code: int, repeating: Upscaler, tmp_path: Path
) -> None:
    clip = Clip(codec=codec, layout="gray", tags=(2, 2, 2, 0), flat=(code, 0, 0), has_sound=False)
    source = write(tmp_path / "a.mkv", clip)
    film.enlarge(repeating, source, tmp_path / "b.mkv", LOSSLESS)
    made = planes.of(frames(tmp_path / "b.mkv")[0], looking.look(tmp_path / "b.mkv"))[0]
    assert (made == (235 if codec == "libx264" else code)).all()  # of luma there is no more


def test_tiles_that_are_as_before_are_not_made_again(enlarging: Upscaler, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", Clip(codec="ffv1", moves=6, has_sound=False))
    report = film.enlarge(enlarging, source, tmp_path / "b.mkv", LOSSLESS)
    assert "6 of 8 tiles were as in the one before" in report.notes


def test_pictures_that_come_at_any_time_are_counted(tmp_path: Path) -> None:
    """Matroska that was made of Matroska says a thousand a second, of its clock."""
    starts = tuple(itertools.accumulate([0] + [512, 600, 333, 701, 450, 389] * 4))
    once = write(tmp_path / "a.mkv", Clip(starts=starts, has_sound=False))
    twice = tmp_path / "b.mkv"
    with av.open(str(once)) as before, av.open(str(twice), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    with av.open(str(twice)) as container:
        assert container.streams.video[0].guessed_rate == 1000
    assert looking.head(twice)[1] == len(starts)
    found = looking.look(twice)
    assert found.count == len(starts)
    assert found.rate is not None
    assert 20 < found.rate < 30

"""GIF, WebP and PNG that move stay so: every frame, its delay, loops and transparency."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import pyvips

from film.clips import Clip, moments
from film.clips import frames as shown
from film.clips import write as write_film
from rgtsr import film, pictures
from rgtsr.errors import PictureError
from rgtsr.film import animating
from rgtsr.pictures import Picture
from rgtsr.upscaler import Upscaler

DELAYS = [40, 80, 120, 70, 100]
HEIGHT, WIDTH = 32, 48


def frames() -> list[np.ndarray]:
    """Stripes that move over a hole that grows."""
    made = []
    for number in range(5):
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        stripes = np.where((x + 4 * number) // 8 % 2, 200, 40)
        alpha = np.where(x < 8 + 4 * number, 0, 255)
        made.append(np.stack([stripes, 255 - stripes, 90 + 0 * y, alpha], -1).astype(np.uint8))
    return made


def write(path: Path) -> Path:
    if path.suffix == ".png":
        with av.open(
            str(path), "w", format="apng", container_options={"plays": "3", "final_delay": "1/10"}
        ) as out:
            stream = out.add_stream("apng", rate=25)
            stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "rgba"
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
            for number, pixels in enumerate(frames()):
                frame = av.VideoFrame.from_ndarray(pixels, "rgba")
                frame.pts, frame.duration = sum(DELAYS[:number]), DELAYS[number]
                frame.time_base = Fraction(1, 1000)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        return path
    tall = np.concatenate(frames())
    image = pyvips.Image.new_from_array(tall).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "page-height", HEIGHT)
    image.set_type(pyvips.GValue.array_int_type, "delay", DELAYS)
    image.set_type(pyvips.GValue.gint_type, "loop", 3)
    image.write_to_file(str(path), **({"lossless": True} if path.suffix == ".webp" else {}))
    return path


def read(path: Path) -> tuple[list[np.ndarray], list[int], int]:
    with animating._opened(path) as moving:
        made = [frame.copy() for frame in moving.frames()]
        return made, list(moving.pages.delays_ms), moving.pages.loop


@pytest.mark.parametrize("target", ["b.gif", "b.webp", "b.png"])
@pytest.mark.parametrize("source", ["a.gif", "a.webp", "a.png"])
def test_all_frames_delays_and_loops_are_kept(
    source: str, target: str, repeating: Upscaler, tmp_path: Path
) -> None:
    path = write(tmp_path / source)
    assert film.is_animation(path, tmp_path / target)
    report = film.enlarge_animation(repeating, path, tmp_path / target, film.Order())
    assert report.size == (64, 96)
    assert report.notes[0] == "5 frames"
    before, delays, loop = read(path)
    after, *times = read(tmp_path / target)
    assert times == [delays, loop] == [DELAYS, 3]
    for small, large in zip(before, after, strict=True):
        wanted = small.repeat(2, 0).repeat(2, 1)
        assert np.array_equal(large[..., 3], wanted[..., 3])
        seen = wanted[..., 3] > 0
        off = np.abs(large[..., :3].astype(int) - wanted[..., :3])[seen]
        assert np.median(off) <= (0 if target == "b.png" else 6)


def test_a_sequence_in_avif_stays_one_or_gives_its_still(
    repeating: Upscaler, tmp_path: Path
) -> None:
    clip = Clip(codec="libsvtav1", size=(64, 96), tags=(1, 13, 6, 2), has_sound=False)
    source, target = write_film(tmp_path / "a.avif", clip), tmp_path / "b.avif"
    assert film.is_animation(source, target)
    film.enlarge_animation(repeating, source, target, film.Order())
    assert moments(target) == moments(source)
    for small, large in zip(shown(source), shown(target), strict=True):
        assert (large.height, large.width) == (128, 192)
        wanted = small.to_ndarray(format="gray").repeat(2, 0).repeat(2, 1).astype(int)
        assert np.abs(large.to_ndarray(format="gray") - wanted).mean() < 4
    assert not film.is_animation(source, tmp_path / "b.png")
    assert pictures.read(source).notes == (
        "it is a film: its still was read. Into .avif an AVIF stays one, by PyAV.",
    )


def test_stills_and_what_cannot_move_stay_pictures(tmp_path: Path, demo_dir: Path) -> None:
    assert not film.is_animation(demo_dir / "demo-brushes.png", tmp_path / "b.webp")
    pictures.write(Picture.from_array(frames()[0]), tmp_path / "still.webp")
    assert not film.is_animation(tmp_path / "still.webp", tmp_path / "b.webp")
    assert not film.is_animation(write(tmp_path / "a.gif"), tmp_path / "b.jpg")


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_what_is_cut_off_is_no_success(name: str, repeating: Upscaler, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    if film.is_animation(path, tmp_path / "b.webp"):
        with pytest.raises(PictureError, match=name):
            film.enlarge_animation(repeating, path, tmp_path / "b.webp", film.Order())
    assert not (tmp_path / "b.webp").exists()


def test_after_ctrl_c_it_goes_on_at_the_frame(repeating: Upscaler, tmp_path: Path) -> None:
    path, target, told = write(tmp_path / "a.gif"), tmp_path / "b.webp", list[float]()

    def stop(done: float, _total: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film.enlarge_animation(repeating, path, target, film.Order(), on_progress=stop)
    film.enlarge_animation(
        repeating, path, target, film.Order(), on_progress=lambda done, _: told.append(done)
    )
    assert told[0] in (2, 3)
    assert len(read(target)[0]) == 5
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.gif", "b.webp"]

"""All of a film, let by once before work begins: the time of every picture, and what is lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgtsr.errors import PictureError
from rgtsr.film import decoding, looking, opening, structure
from rgtsr.film.looking import Film

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

AFTER_END_S, ALL = 0.5, 0.98  # headers promise that much more than there is
JUMP_S = 1.0  # back, which no order of decoding explains
AVI = "avi"  # in which a picture that was dropped is counted
ONE_EACH = ("ffv1", "h264", "hevc", "mjpeg", "prores")  # codecs with a picture in each packet
MOMENT_FRAMES = 16  # between looks at who wants to stop


@dataclass
class Times:
    """When every picture is shown and for how long, in ticks of the film; ``lost``: what lacks.

    ``moved``: how many came at the time of another, and follow it by a tick now.
    """

    starts: list[int] = field(default_factory=list[int])
    lengths: list[int] = field(default_factory=list[int])
    lost: list[str] = field(default_factory=list[str])
    moved: int = 0


def times(path: Path, film: Film, *, is_salvaged: bool, on_frame: Callable[[int], object]) -> Times:
    """All of a film, decoded once and let go, so that damage is known before work begins.

    ``on_frame`` is told of how many have gone by, now and then.

    Raises:
        PictureError: for damage, unless that ``is_salvaged``; for what changes its size midway, and
            for pictures that are woven of two.
    """
    found = Times()
    with opening.opened(path) as (container, stream):
        passed, starts = Passed(stream), list[int | None]()
        for frame in decoding.frames(container, stream, found.lost.append, passed.note):
            number = len(starts)
            if number % MOMENT_FRAMES == 0:
                on_frame(number)
            is_as_before = looking.layout_of(frame.format) == film.layout
            if not is_as_before or (frame.height, frame.width) != film.size:
                raise PictureError(
                    f"{path}: its pictures change at the {number + 1}th, to {frame.width} x"
                    f" {frame.height} in {frame.format.name}: cut the film there first."
                )
            if frame.interlaced_frame:
                raise PictureError(
                    f"{path}: is interlaced (two pictures woven into one, from the {number + 1}th"
                    " on): take them apart first, as ffmpeg -vf bwdif does."
                )
            if frame.is_corrupt:
                found.lost.append(f"picture {number + 1} is damaged")
            starts.append(frame.pts)
            found.lengths.append(frame.duration or _usual(film))
        _timed(starts, found, film)
        _note_missing(found, container, stream, passed)
        found.lost += filter(None, [_gap(path, container, lambda: on_frame(len(starts)))])
    if found.lost and not is_salvaged:
        others = len(found.lost) - 1
        more = f" (and {others} more fault{'s' * (others > 1)})" if others else ""
        raise PictureError(
            f"{path}: is damaged: {found.lost[0]}{more}; --salvage takes what is there."
        )
    return found


def _gap(path: Path, container: "InputContainer", on_moment: Callable[[], object]) -> str | None:
    with opening.blaming(path, "cannot be read"):
        return structure.damage(path, container.format.name, on_moment)


def _usual(film: Film) -> int:
    """How long a picture is shown where nothing is said of that."""
    return max(1, round(1 / (film.rate * film.time_base))) if film.rate else 1


def _timed(starts: Sequence[int | None], found: Times, film: Film) -> None:
    """Times that rise, as players want them; even ones where the film has none."""
    usual, known = _usual(film), [start for start in starts if start is not None]
    if len(known) < len(starts):
        found.starts = [(known or [0])[0] + n * usual for n in range(len(starts))]
        found.lengths = [usual] * len(starts)
        return
    for number, (before, after) in enumerate(pairwise(known), 2):
        if (before - after) * film.time_base > JUMP_S:
            found.lost.append(f"its clock jumps back at picture {number}")
    for start in sorted(known):  # AVI has the times of decoding alone
        is_taken = bool(found.starts) and start <= found.starts[-1]
        found.moved += is_taken
        found.starts.append(found.starts[-1] + 1 if is_taken else start)


@dataclass
class Passed:
    """What went by of a file: packets of pictures, and the second at which all of it ends."""

    stream: "VideoStream"
    pictures: int = 0
    end_s: float = 0.0

    def note(self, packet: "Packet[Any]") -> None:
        """One more."""
        if packet.stream is self.stream:
            self.pictures += not packet.is_discard
        if packet.pts is not None:
            self.end_s = max(
                self.end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base)
            )


def _note_missing(
    found: Times, container: "InputContainer", stream: "VideoStream", passed: Passed
) -> None:
    """What the header promises and the file does not hold, or no decoder made anything of."""
    there, promised = len(found.starts), stream.frames
    if promised > passed.pictures and container.format.name != AVI:
        found.lost.append(f"{passed.pictures} of its {promised} pictures are there")
    elif stream.codec_context.name in ONE_EACH and there < passed.pictures:
        found.lost.append(f"{there} of its {passed.pictures} pictures can be decoded")
    elif container.duration is not None:
        end_s = passed.end_s - (container.start_time or 0) / looking.MICROSECONDS
        promised_s = container.duration / looking.MICROSECONDS
        if end_s < promised_s - AFTER_END_S and end_s < promised_s * ALL:
            found.lost.append(f"{end_s:.1f} of its {promised_s:.1f} seconds are there")

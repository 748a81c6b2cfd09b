"""A film that was joined is read again before it counts: is all in it that went in?"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.errors import PictureError
from rgtsr.film import looking, opening
from rgtsr.film.keeping import Kept
from rgtsr.film.planning import Plan

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

# what a file says of itself, and muxers write anew; and statistics, which are of other packets
OWN_KEYS = (
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "duration",
    "handler_name",
)
OWN_STARTS = ("_statistics", "bps", "number_of_", "vendor_id")
FAULT = "this is a fault of rgtsr's; what was enlarged is kept"


def lost(draft: Path, target: Path, kept: Kept, plan: Plan) -> list[str]:
    """A line for each thing about the pictures that the file does not hold.

    Raises PictureError when a picture is not there or comes at another time.
    """
    return [*_late(draft, target, kept, plan), *_otherwise(draft, plan)]


def _late(draft: Path, target: Path, kept: Kept, plan: Plan) -> list[str]:
    assert kept.times is not None
    wanted = [start * plan.shape.time_base for start in kept.times.starts]
    with opening.opened(draft) as (container, stream):
        base = stream.time_base
        found = [p.pts for p in container.demux(stream) if p.pts is not None and p.size]
    assert base is not None
    if len(found) != len(wanted):
        count = f"{len(found)} of {len(wanted)} pictures"
        raise PictureError(f"{target}: {count} are in the finished film: {FAULT}.")
    there = [start * base for start in sorted(found)]
    shift = there[0] - wanted[0]
    worst = max(abs(a - b - shift) for a, b in zip(there, wanted, strict=True))
    if worst > base:
        raise PictureError(f"{target}: a picture comes {float(worst):.4f} s off its time: {FAULT}.")
    notes: list[str] = []
    if abs(shift) > base:
        notes.append(f"all of it comes {float(shift) * 1000:+.0f} ms later: its kind begins at 0")
    if worst:
        notes.append(f"times are rounded to {float(base) * 1000:g} ms, as in all such files")
    return notes


def _otherwise(draft: Path, plan: Plan) -> list[str]:
    """What the file says of its pictures, where that is not what was meant."""
    made, shape = looking.look(draft), plan.shape
    pairs = {
        "the shape of its pixels": (shape.aspect or 1, made.aspect or 1),
        "how it is turned": (plan.film.turning, made.turning),
        "the screen that it was graded on": (plan.film.light, made.light),
        "the primaries of its colours": (shape.tags.primaries, made.tags.primaries),
        "the transfer of its colours": (shape.tags.transfer, made.tags.transfer),
        "the matrix of its colours": (shape.tags.matrix, made.tags.matrix),
        "the range of its colours": (shape.tags.range, made.tags.range),
    }
    return [f"{what} was left out" for what, (meant, is_) in pairs.items() if meant != is_]


def unsaid(
    draft: Path, container: "InputContainer", streams: "Iterable[tuple[Stream, int]]"
) -> list[str]:
    """A line for what the file does not say any more, of itself and of its streams.

    ``streams``: those of the film, and at which place each is in the file.
    """
    missing: set[str] = set()
    with opening.opened(draft) as (made, _):
        wanted = list(streams)
        if not wanted:
            return []
        missing |= said(container.metadata).keys() - made.metadata.keys()
        if len(container.chapters()) != len(made.chapters()):
            missing.add("chapters")
        for stream, place in wanted:
            copy = made.streams[place]
            missing |= _lower(said(stream.metadata)) - _lower(copy.metadata)
            if stream.disposition & ~copy.disposition:
                missing.add("disposition")
    return [f"no place for: {', '.join(sorted(missing))}"] if missing else []


def _lower(metadata: dict[str, str]) -> set[str]:
    return {key.lower() for key, value in metadata.items() if value != "und"}


def said(metadata: dict[str, str]) -> dict[str, str]:
    """What people or cameras said, without what the file says of itself."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in OWN_KEYS and not key.lower().startswith(OWN_STARTS)
    }

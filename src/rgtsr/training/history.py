"""What a run has behind it, apart from its tensors, in a checkpoint's header. Knows no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Point:
    """One validation: the hold-out's mean PSNR-Y in dB beside the training loss so far."""

    step: int
    minutes: float
    loss: float
    holdout_psnr_y: float


@dataclass
class History:
    """The seconds that a run took, and its curve."""

    elapsed_s: float = 0.0
    curve: list[Point] = field(default_factory=list[Point])


def as_header(history: History) -> dict[str, str]:
    """What a checkpoint's header says of it."""
    return {"history": json.dumps(asdict(history))}


def from_header(header: Mapping[str, str]) -> History:
    """The history in a checkpoint's header; older files call it ``progress``."""
    past = json.loads(header.get("history") or header["progress"])
    return History(past["elapsed_s"], [Point(**point) for point in past["curve"]])

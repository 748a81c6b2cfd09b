"""A picture to make, and how it stands with it. Knows no journal."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rgtsr.errors import PictureError


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """One picture to make; ``wish`` names all that decides what comes out, ``run`` who asked."""

    id: int
    source: Path
    target: Path
    wish: str
    run: str = field(default="", compare=False)


class Standing(StrEnum):
    """What lies under a job's target."""

    NOTHING = "nothing"  # or a result of another job of ours, which may go
    RESULT = "result"  # this job's, whole, as it was left
    OTHERS = "others"  # a result of another source, which this run does not make elsewhere
    FOREIGN = "foreign"  # a file that no job of this journal made, or that was changed since


def of_another(target: Path) -> PictureError:
    """That a result of another source would be replaced."""
    return PictureError(
        f"{target}: is there, made of another source: give another place (-o), or --overwrite."
    )


@dataclass(frozen=True)
class Claim:
    """Whether a job was taken on, or another process is at it; ``equal``: one to be copied."""

    is_taken: bool
    equal: Job | None = None
    is_others: bool = False

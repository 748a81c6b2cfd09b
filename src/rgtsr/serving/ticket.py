"""One picture of a service, and how it stands with it. Knows no line and no HTTP."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from rgtsr.jobs import Job, State
from rgtsr.serving import messages
from rgtsr.serving.asking import Asked
from rgtsr.serving.problems import Refusal
from rgtsr.serving.spool import PREFIX


@dataclass(eq=False)
class Ticket:
    """One picture, from its upload until it is forgotten. ``folder`` holds all its files."""

    client: str
    asked: Asked
    source: messages.Source
    folder: Path
    job: Job
    state: State = State.QUEUED
    tiles_done: int = 0
    tiles: int = 0
    began: float | None = None  # of the monotonic clock: when the network first had it
    ended: float | None = None
    result: messages.Result | None = None
    refusal: Refusal | None = None
    own_scale: int = 2  # of the first of its networks
    has_network: bool = False
    is_back: bool = False  # from the line, which needs its files no more
    is_forgotten: bool = False
    is_fetched: bool = False  # its result
    alarm: asyncio.TimerHandle | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        """What others call it: nobody guesses it."""
        return self.folder.name.removeprefix(PREFIX)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state not in (State.QUEUED, State.RUNNING)

    def change(self) -> None:
        """Wake those who wait for something to change."""
        self.changed.set()
        self.changed = asyncio.Event()

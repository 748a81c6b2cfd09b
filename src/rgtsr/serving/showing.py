"""What browsers are shown of pictures: made when it is first asked for, kept as long as the job."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

from rgtsr.errors import RgtsrError
from rgtsr.pictures import screen
from rgtsr.serving import problems
from rgtsr.serving.problems import Refusal
from rgtsr.serving.ticket import Ticket

TILE = re.compile(r"(before|after)(\.dzi|_files/\d{1,2}/\d{1,5}_\d{1,5}\.jpg)")
AT_ONCE = 2  # pictures that are made ready


class Showing:
    """Each is made once; few at a time, so that enlarging has the machine."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._turns: WeakKeyDictionary[Ticket, asyncio.Lock] = WeakKeyDictionary()

    async def view(self, ticket: Ticket, which: str, picture: Path) -> Path:
        """The file that shows all of it. Raises Refusal where that would be too large."""
        size = ticket.source if which == "before" else ticket.result
        assert size is not None
        if not screen.can_view(size.width, size.height):
            raise Refusal("too-large-to-view", "It is too large to be shown whole: use zoom.")
        folder = ticket.folder
        async with self._turn(ticket):
            for made in folder.glob(f"view-{which}.*"):
                return made
            await self._made(ticket, picture, screen.view, folder, f"view-{which}")
            return next(folder.glob(f"view-{which}.*"))

    async def tile(self, ticket: Ticket, path: str, which: str, picture: Path) -> Path:
        """A file of its Deep Zoom. Raises Refusal where there is no such file."""
        if not TILE.fullmatch(path):
            raise Refusal("not-found", "There is no such tile.")
        folder = ticket.folder / "zoom"
        async with self._turn(ticket):
            if not (folder / f"{which}.dzi").exists():
                folder.mkdir(exist_ok=True)
                await self._made(ticket, picture, screen.zoom, folder, which)
        if not (folder / path).is_file():
            raise Refusal("not-found", "There is no such tile.")
        return folder / path

    def _turn(self, ticket: Ticket) -> asyncio.Lock:
        return self._turns.setdefault(ticket, asyncio.Lock())

    async def _made(
        self,
        ticket: Ticket,
        picture: Path,
        make: Callable[[Path, Path, str], object],
        folder: Path,
        name: str,
    ) -> None:
        try:
            async with self._places:
                await run_in_threadpool(make, picture, folder, name)
        except RgtsrError as error:
            raise problems.of(error, {str(picture): ticket.asked.name}) from error

"""What browsers are shown of pictures: made when it is first asked for, kept as long as the job."""

import asyncio
import re
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from rgtsr.errors import PictureError
from rgtsr.pictures import screen
from rgtsr.serving.desk import Ticket
from rgtsr.serving.problems import Refusal

TILE = re.compile(r"(before|after)(\.dzi|_files/\d{1,2}/\d{1,5}_\d{1,5}\.jpg)")


class Showing:
    """One picture at a time is made ready: each is held whole meanwhile."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def view(self, ticket: Ticket, which: str, picture: Path) -> Path:
        """The file that shows all of it. Raises Refusal where that would be too large."""
        size = ticket.source if which == "before" else ticket.result
        assert size is not None
        if not screen.can_view(size.width, size.height):
            raise Refusal("too-large-to-view", "It is too large to be shown whole: use zoom.")
        folder = ticket.folder
        async with self._turn:
            for made in folder.glob(f"view-{which}.*"):
                return made
            try:
                return await run_in_threadpool(screen.view, picture, folder, f"view-{which}")
            except PictureError as error:
                raise Refusal("too-large-to-view", "It cannot be shown whole: use zoom.") from error

    async def tile(self, ticket: Ticket, path: str, which: str, picture: Path) -> Path:
        """A file of its Deep Zoom. Raises Refusal where there is no such file."""
        if not TILE.fullmatch(path):
            raise Refusal("not-found", "There is no such tile.")
        folder = ticket.folder / "zoom"
        async with self._turn:
            if not (folder / f"{which}.dzi").exists():
                folder.mkdir(exist_ok=True)
                await run_in_threadpool(screen.zoom, picture, folder, which)
        if not (folder / path).is_file():
            raise Refusal("not-found", "There is no such tile.")
        return folder / path

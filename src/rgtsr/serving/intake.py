"""A request becomes a ticket: its picture is received, measured by its header, and handed in."""

from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from rgtsr.errors import PictureError
from rgtsr.pictures import headers
from rgtsr.serving import asking, messages, problems, uploads
from rgtsr.serving.asking import NAMELESS
from rgtsr.serving.desk import Desk
from rgtsr.serving.guard import client
from rgtsr.serving.options import RESULT_FACTOR
from rgtsr.serving.problems import Refusal
from rgtsr.serving.ticket import Ticket


async def entered(request: Request, desk: Desk) -> Ticket:
    """A ticket for the picture of a request. Raises Refusal."""
    limits = desk.options
    async with desk.arriving(client(request)) as folder:
        upload = await uploads.received(
            request, folder, max_bytes=limits.max_body_bytes, timeout_s=limits.timeout_s
        )
        asked = asking.understood(
            upload.options, name=upload.name, model=limits.model, max_pixels=limits.max_pixels
        )
        if asked.name == NAMELESS:
            asked = replace(asked, name=f"{NAMELESS}{upload.suffix}")
        source = await run_in_threadpool(_measured, upload, asked)
        return desk.enter(client(request), asked, upload.path, source)


def _measured(upload: uploads.Upload, asked: asking.Asked) -> messages.Source:
    """Size and format by the header. Raises Refusal for what cannot be, or is too much."""
    try:
        height, width = headers.size(upload.path)
    except PictureError as error:
        raise problems.of(error, {str(upload.path): asked.name}) from error
    limit = asked.wish.max_pixels
    if height * width > limit:
        raise Refusal(
            "too-many-pixels", f"{width} x {height} pixels are more than the {limit:,} allowed."
        )
    if asked.wish.final_size is not None:
        try:
            final = asked.wish.final_size((height, width))
        except PictureError as error:
            raise Refusal("bad-option", str(error)) from error
        if final[0] * final[1] > RESULT_FACTOR * limit:
            raise Refusal("too-many-pixels", f"{final[1]} x {final[0]} pixels are too many.")
    size = upload.path.stat().st_size
    return messages.Source(width=width, height=height, format=upload.form.name, size_bytes=size)

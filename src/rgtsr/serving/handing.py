"""Results on their way out: their files stay until they were sent."""

import mimetypes
from collections.abc import Sequence
from typing import Any

from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from rgtsr.jobs import State
from rgtsr.serving import messages, zipping
from rgtsr.serving.desk import Desk
from rgtsr.serving.problems import Refusal
from rgtsr.serving.ticket import Ticket


def result(ticket: Ticket) -> messages.Result:
    """What was made. Raises Refusal where there is nothing, or not yet."""
    if ticket.refusal is not None:
        raise ticket.refusal
    if ticket.state is State.CANCELLED:
        raise Refusal("cancelled", "It was cancelled: there is no result.")
    if ticket.result is None:
        raise Refusal("not-done", "It is not done yet: ask for its events.", retry_after="1")
    return ticket.result


def file(ticket: Ticket, desk: Desk) -> FileResponse:
    """The picture that was made, to be kept as a file. Raises Refusal as ``result``."""
    return _File(ticket, desk)


def once(ticket: Ticket, desk: Desk) -> FileResponse:
    """The same; it is forgotten when it was sent, or was not."""
    return _Once(ticket, desk)


def archive(tickets: Sequence[Ticket], desk: Desk) -> StreamingResponse:
    """Several as one zip, made while it is sent. Raises Refusal as ``result``."""
    return _Archive(tickets, desk)


class _File(FileResponse):
    def __init__(self, ticket: Ticket, desk: Desk) -> None:
        super().__init__(ticket.job.target, **_about(result(ticket)))
        self._ticket, self._desk = ticket, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._desk.spool.reading([self._ticket.folder]):
            await super().__call__(scope, receive, send)
        self._ticket.is_fetched |= _is_all(scope)


class _Once(_File):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._desk.forget(self._ticket)


class _Archive(StreamingResponse):
    def __init__(self, tickets: Sequence[Ticket], desk: Desk) -> None:
        pieces = zipping.pieces([(each.job.target, result(each).name) for each in tickets])
        name = {"content-disposition": 'attachment; filename="enlarged.zip"'}
        super().__init__(pieces, headers=name, media_type="application/zip")
        self._tickets, self._desk = tickets, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._desk.spool.reading([ticket.folder for ticket in self._tickets]):
            await super().__call__(scope, receive, send)
        for ticket in self._tickets:
            ticket.is_fetched |= _is_all(scope)


def _is_all(scope: Scope) -> bool:
    """Whether more than the head, or a part, was asked for."""
    return scope["method"] == "GET" and not any(name == b"range" for name, _ in scope["headers"])


def _about(made: messages.Result) -> dict[str, Any]:  # Any: arguments of FileResponse
    return {
        "filename": made.name,
        "media_type": mimetypes.guess_type(made.name)[0] or "application/octet-stream",
        "headers": {
            "cache-control": "no-store",
            "x-rgtsr-models": ", ".join(made.models),
            "x-rgtsr-seconds": f"{made.seconds:g}",
        },
    }

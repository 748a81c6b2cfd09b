"""Results on their way out."""

import mimetypes
from collections.abc import Callable
from typing import Any

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from rgtsr.jobs import State
from rgtsr.serving import messages
from rgtsr.serving.desk import Ticket
from rgtsr.serving.problems import Refusal


def result(ticket: Ticket) -> messages.Result:
    """What was made. Raises Refusal where there is nothing, or not yet."""
    if ticket.refusal is not None:
        raise ticket.refusal
    if ticket.state is State.CANCELLED:
        raise Refusal("cancelled", "It was cancelled: there is no result.")
    if ticket.result is None:
        raise Refusal("not-done", "It is not done yet: ask for its events.", retry_after="1")
    return ticket.result


def file(ticket: Ticket) -> FileResponse:
    """The picture that was made, to be kept as a file. Raises Refusal as ``result``."""
    return FileResponse(ticket.job.target, **_about(result(ticket)))


def once(ticket: Ticket, done: Callable[[Ticket], object]) -> FileResponse:
    """The same; ``done`` is told when it was sent, or was not."""
    return _Once(ticket, done)


class _Once(FileResponse):
    def __init__(self, ticket: Ticket, done: Callable[[Ticket], object]) -> None:
        super().__init__(ticket.job.target, **_about(result(ticket)))
        self._ticket, self._done = ticket, done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done(self._ticket)


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

"""What can go wrong, each with a code that stays, and how it is said. Knows no pictures."""

import errno
import html
import re
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from rgtsr.errors import (
    OutOfMemoryError,
    PictureError,
    RgtsrError,
    UndecodedError,
    UnknownWeightsError,
    UsageError,
)
from rgtsr.serving import messages

MEDIA_TYPE = "application/problem+json"
OPTION = re.compile(r"--(?=[a-z])")  # how the command line calls them
# ways out for whoever has the machine, not for who asks over HTTP
NOT_HERE = re.compile(
    r"; salvage \([^)]*\) takes what is there of it"
    r"|, or install a libvips that has one"
    r"| \(on the command line [^)]*\)"
)


class Kind(NamedTuple):
    """The status of a problem, and what it is called."""

    status: int
    title: str


KINDS = {
    "bad-option": Kind(422, "An option makes no sense"),
    "bad-request": Kind(400, "The request cannot be read"),
    "body-too-large": Kind(413, "The file is too large"),
    "cancelled": Kind(410, "It was cancelled"),
    "draining": Kind(503, "The service is closing down"),
    "failed": Kind(500, "Something went wrong here"),
    "foreign-origin": Kind(403, "Another site asks"),
    "method-not-allowed": Kind(405, "That cannot be done there"),
    "no-decoder": Kind(415, "This format cannot be read here"),
    "no-picture": Kind(422, "No picture was sent"),
    "no-space": Kind(507, "The disk is full"),
    "no-token": Kind(401, "A token is needed"),
    "not-a-picture": Kind(415, "That is no picture"),
    "not-done": Kind(409, "It is not done yet"),
    "not-found": Kind(404, "There is nothing"),
    "not-ready": Kind(503, "The network does not run"),
    "out-of-memory": Kind(503, "Memory does not suffice"),
    "queue-full": Kind(429, "Too many pictures are waiting"),
    "starting": Kind(503, "The service is starting"),
    "timeout": Kind(504, "It took too long"),
    "too-large-to-view": Kind(413, "Too large to be shown whole"),
    "too-many-pixels": Kind(413, "The picture has too many pixels"),
    "unknown-job": Kind(404, "There is no such job"),
    "unknown-model": Kind(422, "There is no such model"),
    "unreadable-picture": Kind(422, "The picture cannot be read"),
    "upload-timeout": Kind(408, "The upload stood still"),
    "wrong-host": Kind(421, "That is not this service"),
    "wrong-token": Kind(401, "The token is wrong"),
}


class Refusal(Exception):
    """A problem, on its way to whoever asked."""

    def __init__(self, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        kind = KINDS[code]
        self.problem = messages.Problem(
            title=kind.title, status=kind.status, code=code, detail=detail
        )
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def of(error: Exception, names: Mapping[str, str] | None = None) -> Refusal:
    """The refusal that an error amounts to. ``names``: what people call our paths."""
    if isinstance(error, Refusal):
        return error
    detail = str(error)
    for path, name in (names or {}).items():
        detail = detail.replace(path, name)
    detail = OPTION.sub("", NOT_HERE.sub("", detail).replace("--long-side", "long_side"))
    if isinstance(error, MemoryError):
        return Refusal("out-of-memory", "Memory does not suffice for this picture here.")
    if any(getattr(each, "errno", None) == errno.ENOSPC for each in (error, error.__cause__)):
        return Refusal("no-space", "The disk of the service is full: try again later.")
    codes: tuple[tuple[type[Exception], str], ...] = (
        (UnknownWeightsError, "unknown-model"),
        (UsageError, "bad-option"),
        (UndecodedError, "no-decoder"),
        (PictureError, "unreadable-picture"),
        (OutOfMemoryError, "out-of-memory"),
        (RgtsrError, "failed"),
    )
    for kind, code in codes:
        if isinstance(error, kind):
            return Refusal(code, detail)
    return Refusal("failed", f"An error that nobody foresaw ({type(error).__name__}).")


def response(refusal: Refusal, request: Request) -> Response:
    """The problem as JSON; as a page to whoever came by a link or a plain form."""
    problem = refusal.problem
    if "text/html" not in request.headers.get("accept", ""):
        return Response(
            problem.model_dump_json(), problem.status, refusal.headers, media_type=MEDIA_TYPE
        )
    page = PAGE.format(
        title=html.escape(problem.title),
        detail=html.escape(problem.detail),
        root=html.escape(request.scope.get("root_path", "")),
    )
    return HTMLResponse(page, problem.status, refusal.headers)


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} - rgtsr</title>
<link rel="icon" href="{root}/static/icon.svg">
<link rel="stylesheet" href="{root}/static/page.css">
<main class="sign-in">
<h1>{title}</h1>
<p>{detail}</p>
<p><a href="{root}/">Back to the pictures</a></p>
</main>
"""

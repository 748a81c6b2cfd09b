"""The picture and the options of a request, received within limits. Knows no network.

What comes is counted as it comes, whatever the headers say, and goes to the disk.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from rgtsr.pictures import ability, formats
from rgtsr.pictures.formats import Format
from rgtsr.serving.problems import Refusal

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # who sent a bad form is told

FIELD = "picture"
MOST_FIELDS = 20
STILL_S = 30.0  # how long nothing may come
LINGERING_S = 5.0  # with what is sent of a body that was refused


@dataclass(frozen=True)
class Upload:
    """A picture file on our disk; ``name``: what the sender calls it, if at all."""

    path: Path
    form: Format
    options: Mapping[str, str]
    name: str | None

    @property
    def suffix(self) -> str:
        """That of its format, whatever it was called."""
        return self.form.suffixes[0]


async def received(request: Request, folder: Path, *, max_bytes: int, timeout_s: float) -> Upload:
    """All of a request's body: a form with a file, or the file itself, its options in the query.

    Raises:
        Refusal: for what is too large, too slow, cut off, empty, or no picture.
    """
    path = folder / "source"
    try:
        return await _received(request, path, max_bytes=max_bytes, timeout_s=timeout_s)
    except (Refusal, OSError):
        if not getattr(request.state, "is_received", False):
            await _let_pass(request)  # most clients read no answer before they have sent all
        raise


async def _received(request: Request, path: Path, *, max_bytes: int, timeout_s: float) -> Upload:
    try:
        async with asyncio.timeout(timeout_s):
            if _media_type(request) == "multipart/form-data":
                options, name = await _form(request, path, max_bytes)
            else:
                options, name = dict(request.query_params), None
                with path.open("xb") as file:
                    async for chunk in _counted(request, max_bytes):
                        await run_in_threadpool(file.write, chunk)
    except TimeoutError as error:
        raise Refusal("upload-timeout", "The upload took too long, or stood still.") from error
    form = await run_in_threadpool(_recognised, path)
    named = path.rename(path.with_suffix(form.suffixes[0]))
    return Upload(named, form, options, name)


async def _form(request: Request, path: Path, max_bytes: int) -> tuple[dict[str, str], str | None]:
    chunks = cast(Any, _counted(request, max_bytes))  # Any: any iterator will do
    parser = _Form(request.headers, chunks, max_files=1, max_fields=MOST_FIELDS)
    parser.path = path
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal("bad-request", f"The form cannot be read: {error.message}") from error
    try:
        picture = form.get(FIELD)
        if not isinstance(picture, UploadFile):
            raise Refusal("no-picture", f"Send the picture as a file in the field {FIELD!r}.")
        options = {name: value for name, value in form.items() if isinstance(value, str)}
        return dict(request.query_params) | options, picture.filename
    finally:
        await form.close()


class _Form(MultiPartParser):
    """Whose file lies at ``path`` from its first byte on."""

    path: Path

    def on_headers_finished(self) -> None:
        """Called when a part begins; its file is Starlette's own until here, and empty."""
        super().on_headers_finished()
        upload = self._current_part.file
        if upload is not None:
            upload.file.close()
            upload.file = self.path.open("xb+")
            self._files_to_close_on_error.append(cast(Any, upload.file))  # Any: any file will do


async def _counted(request: Request, max_bytes: int) -> AsyncGenerator[bytes]:
    """The body piece by piece, up to a limit."""
    too_large = Refusal("body-too-large", f"The file is larger than {max_bytes / 2**20:g} MiB.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    count, is_more = 0, True
    while is_more:
        async with asyncio.timeout(STILL_S):  # wait_for would lose a cancel that comes with a byte
            message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        is_more = message.get("more_body", False)
        request.state.is_received = not is_more
        piece = message.get("body", b"")
        count += len(piece)
        if count > max_bytes:
            raise too_large
        yield piece


async def _let_pass(request: Request) -> None:
    """Take what is still sent, for a moment, and drop it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGERING_S):
            while (await request.receive()).get("more_body"):
                pass


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _recognised(path: Path) -> Format:
    with path.open("rb") as file:
        head = file.read(formats.HEAD_BYTES)
    if not head:
        raise Refusal("no-picture", "The file is empty (0 bytes).")
    form = formats.recognise(head)
    if form is None:
        names = ", ".join(form.name for form in ability.readable())
        raise Refusal("not-a-picture", f"It is no picture that can be read here: {names} can.")
    return form

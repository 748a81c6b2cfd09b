"""A client of the service: a call is a request, an answer a message. Needs httpx."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypedDict, Unpack

import httpx

from rgtsr.errors import PictureError, Refused, RgtsrError
from rgtsr.serving.messages import Job, Models, Problem

CONNECT_S = 10.0


class Wanted(TypedDict, total=False):
    """Options of a picture; None is the same as leaving it out."""

    scale: float | None
    width: int | None
    height: int | None
    long_side: int | None
    model: str | None
    restore: float | Literal["auto"] | None
    format: str | None
    quality: int | None
    strip: bool | None
    name: str | None


class Client:
    """One service, by its address.

    Options of a picture are those of the API: see ``Wanted``. Pictures are paths, or the content
    of a file.

    Raises (all methods):
        Refused: when the service says why not.
        PictureError: when a path cannot be opened.
        RgtsrError: when the service cannot be reached.

    Example::

        with Client("http://127.0.0.1:7860") as client:
            Path("large.jpg").write_bytes(client.upscale("photo.jpg", scale=4))
    """

    def __init__(self, address: str = "http://127.0.0.1:7860", *, token: str | None = None) -> None:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        timeout = httpx.Timeout(None, connect=CONNECT_S)
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the connection."""
        self._http.close()

    def upscale(self, picture: str | Path | bytes, **options: Unpack[Wanted]) -> bytes:
        """The content of the enlarged picture's file."""
        return self._post("v1/upscale", picture, options).content

    def submit(self, picture: str | Path | bytes, **options: Unpack[Wanted]) -> Job:
        """Hand a picture in; the job tells its ``id``."""
        return Job.model_validate_json(self._post("v1/jobs", picture, options).content)

    def job(self, number: str) -> Job:
        """How far a job is."""
        return Job.model_validate_json(self._send("GET", f"v1/jobs/{number}").content)

    def events(self, number: str) -> Iterator[Job]:
        """How far a job is, whenever that changes; the last has ended.

        Where something between here and the service breaks off what is told, it asks again.
        """
        while True:
            last = None
            for last in self._told(number):
                yield last
            if last is None:
                raise RgtsrError(f"{self._http.base_url}: it told nothing of job {number}.")
            if last.has_ended:
                return

    def _told(self, number: str) -> Iterator[Job]:
        try:
            with self._http.stream("GET", f"v1/jobs/{number}/events") as response:
                if response.is_error:
                    response.read()
                    raise _refused(response)
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        yield Job.model_validate_json(line.removeprefix("data: "))
        except httpx.HTTPError as error:
            raise RgtsrError(f"{self._http.base_url}: {error}") from error

    def result(self, number: str) -> bytes:
        """The content of the enlarged picture's file."""
        return self._send("GET", f"v1/jobs/{number}/result").content

    def forget(self, number: str) -> None:
        """Cancel a job, or have its result removed."""
        self._send("DELETE", f"v1/jobs/{number}")

    def models(self) -> Models:
        """What there is to choose from."""
        return Models.model_validate_json(self._send("GET", "v1/models").content)

    def _post(self, path: str, picture: str | Path | bytes, options: Wanted) -> httpx.Response:
        query = {name: _text(value) for name, value in options.items() if value is not None}
        if isinstance(picture, bytes):
            return self._send("POST", path, params=query, content=picture)
        query.setdefault("name", Path(picture).name)
        try:
            file = Path(picture).open("rb")  # noqa: SIM115 -- closed below
        except OSError as error:
            raise PictureError(f"{picture}: cannot be opened ({error.strerror}).") from error
        with file:
            return self._send("POST", path, params=query, content=file)

    def _send(self, method: str, path: str, **more: object) -> httpx.Response:
        try:
            response = self._http.request(method, path, **more)  # pyright: ignore -- httpx's own
        except httpx.HTTPError as error:
            raise RgtsrError(f"{self._http.base_url}: {error}") from error
        if response.is_error:
            raise _refused(response)
        return response


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(response: httpx.Response) -> RgtsrError:
    try:
        problem = Problem.model_validate(response.json())
        return Refused(problem.detail, code=problem.code, status=problem.status)
    except (json.JSONDecodeError, ValueError):
        return RgtsrError(f"{response.url}: {response.status_code} {response.reason_phrase}")

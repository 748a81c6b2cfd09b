"""A client of the service: a call is a request, an answer a message. Needs httpx."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from rgtsr.errors import RgtsrError
from rgtsr.serving.messages import Job, Models, Problem

CONNECT_S = 10.0


class Refused(RgtsrError):
    """The service did not do it; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.detail} ({problem.code})")
        self.problem = problem


class Client:
    """One service, by its address.

    Options of a picture are those of the API: ``scale``, ``width``, ``height``, ``long_side``,
    ``model``, ``restore``, ``format``, ``quality``, ``strip``. Pictures are paths, or the content
    of a file.

    Raises (all methods):
        Refused: when the service says why not.
        RgtsrError: when it cannot be reached.

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

    def upscale(self, picture: str | Path | bytes, **options: object) -> bytes:
        """The content of the enlarged picture's file."""
        return self._post("v1/upscale", picture, options).content

    def submit(self, picture: str | Path | bytes, **options: object) -> Job:
        """Hand a picture in; the job tells its ``id``."""
        return Job.model_validate_json(self._post("v1/jobs", picture, options).content)

    def job(self, number: str) -> Job:
        """How far a job is."""
        return Job.model_validate_json(self._send("GET", f"v1/jobs/{number}").content)

    def events(self, number: str) -> Iterator[Job]:
        """How far a job is, whenever that changes; the last has ended."""
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

    def _post(
        self, path: str, picture: str | Path | bytes, options: dict[str, object]
    ) -> httpx.Response:
        query = {name: _text(value) for name, value in options.items() if value is not None}
        if isinstance(picture, bytes):
            return self._send("POST", path, params=query, content=picture)
        query.setdefault("name", Path(picture).name)
        with Path(picture).open("rb") as file:
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
        return Refused(Problem.model_validate(response.json()))
    except (json.JSONDecodeError, ValueError):
        return RgtsrError(f"{response.url}: {response.status_code} {response.reason_phrase}")

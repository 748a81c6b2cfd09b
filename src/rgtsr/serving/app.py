"""The API and the page, as one ASGI application. Knows HTTP; what becomes of pictures, the desk."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from rgtsr.jobs import State
from rgtsr.serving import choices, handing, intake, messages, openapi, problems, tidying
from rgtsr.serving.desk import Desk
from rgtsr.serving.guard import COOKIE, Guard, client
from rgtsr.serving.metrics import Counts
from rgtsr.serving.options import Options
from rgtsr.serving.problems import Refusal
from rgtsr.serving.readiness import Readiness
from rgtsr.serving.showing import Showing
from rgtsr.serving.spool import Spool
from rgtsr.serving.ticket import Ticket

PAGE = Path(__file__).parent / "page"
LASTING = {"cache-control": "private, max-age=3600"}
EVENT_S = 0.1  # between two events of a job, at least
POSITION_S = 1.0  # between two of one that waits: others go before it
QUIET_S = 15.0  # without a change, after which it is said again: proxies close what is silent


class App:
    """The answers of one service; ``desk`` is there once it runs."""

    desk: Desk
    readiness: Readiness

    def __init__(self, options: Options, spool: Spool) -> None:
        self.options, self._spool = options, spool
        self._showing = Showing()
        self.counts = Counts()

    def asgi(self) -> ASGIApp:
        """The application."""
        get, post = ["GET"], ["POST"]
        job = "/v1/jobs/{id}"
        routes = [
            Route("/", self.page, methods=get),
            Route("/session", self.session, methods=post),
            Route("/v1/upscale", self.upscale, methods=post),
            Route("/v1/jobs", self.submit, methods=post),
            Route(job, self.job, methods=get),
            Route(job, self.delete, methods=["DELETE"]),
            Route(f"{job}/events", self.events, methods=get),
            Route(f"{job}/result", self.result, methods=get),
            Route(f"{job}/view/{{which}}", self.view, methods=get),
            Route(f"{job}/zoom/{{path:path}}", self.zoom, methods=get),
            Route("/v1/results.zip", self.results, methods=get),
            Route("/v1/models", self.models, methods=get),
            Route("/healthz", self.healthz, methods=get),
            Route("/readyz", self.readyz, methods=get),
            Route("/metrics", self.metrics, methods=get),
            Route("/openapi.json", self.openapi, methods=get),
            Mount("/static", _Static(directory=PAGE, check_dir=False)),
        ]
        app = Starlette(
            routes=routes,
            lifespan=self._lifespan,
            exception_handlers={
                ClientDisconnect: _unheard,
                HTTPException: _misled,
                Refusal: _refused,
                Exception: _failed,
            },
        )
        return Guard(app, options=self.options, counts=self.counts)  # around our failures too

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        self.desk = Desk(self.options, self._spool)
        self.readiness = Readiness(self.desk)
        self.desk.start()
        rounds = asyncio.create_task(tidying.forever(self.desk))
        try:
            yield
        finally:
            rounds.cancel()
            await run_in_threadpool(self.desk.stop)

    async def upscale(self, request: Request) -> Response:
        """A picture in, its enlarged picture out. A client that goes away frees its job."""
        ticket = await intake.entered(request, self.desk)
        try:
            await _unless_gone(request, _ended(ticket))
            return handing.once(ticket, self.desk)
        except BaseException:
            await self.desk.forget(ticket)
            raise

    async def submit(self, request: Request) -> Response:
        """A picture in, a job out."""
        ticket = await intake.entered(request, self.desk)
        where = f"{request.scope.get('root_path', '')}/v1/jobs/{ticket.id}"
        return self._said(ticket, 202, location=where)

    async def job(self, request: Request) -> Response:
        """How far a job is."""
        return self._said(self._ticket(request))

    async def delete(self, request: Request) -> Response:
        """Cancel a job, or forget what became of it."""
        await self.desk.forget(self._ticket(request))
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """How far a job is, whenever that changes, and now and then, until it has ended."""
        ticket = self._ticket(request)

        async def told() -> AsyncGenerator[str]:
            while True:
                changed = ticket.changed
                yield f"event: job\ndata: {self.desk.message(ticket).model_dump_json()}\n\n"
                if ticket.has_ended:
                    return
                await asyncio.sleep(EVENT_S)
                patience = POSITION_S if ticket.state is State.QUEUED else QUIET_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await changed.wait()

        unkept = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(told(), headers=unkept, media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        """The picture that was made."""
        return handing.file(self._ticket(request), self.desk)

    async def view(self, request: Request) -> Response:
        """What a browser can show of the picture, before or after."""
        ticket, which = self._ticket(request), request.path_params["which"]
        path = await self._showing.view(ticket, which, self._picture(ticket, which))
        return FileResponse(path, headers=LASTING)

    async def zoom(self, request: Request) -> Response:
        """Deep Zoom of the picture, before or after: its description, or one of its tiles."""
        ticket, path = self._ticket(request), request.path_params["path"]
        which = path.partition(".")[0].partition("_")[0]
        found = await self._showing.tile(ticket, path, which, self._picture(ticket, which))
        kind = "application/xml" if found.suffix == ".dzi" else None
        return FileResponse(found, headers=LASTING, media_type=kind)

    async def results(self, request: Request) -> Response:
        """Several results as one zip, made while it is sent."""
        numbers = dict.fromkeys(request.query_params.getlist("job"))
        tickets = [self.desk.find(number, client(request)) for number in numbers]
        if not tickets:
            raise Refusal("bad-option", "name the jobs: ?job=ID&job=ID")
        return handing.archive(tickets, self.desk)

    async def models(self, _request: Request) -> Response:
        """What there is to choose from."""
        return _json(choices.of(self.options))

    async def healthz(self, _request: Request) -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, _request: Request) -> Response:
        """Whether pictures can be enlarged: a small one was, just now."""
        await self.readiness.check()
        return JSONResponse({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        """Counts for Prometheus."""
        return Response(self.counts.text(self.desk), media_type=self.counts.MEDIA_TYPE)

    async def openapi(self, _request: Request) -> Response:
        """This API, described."""
        return JSONResponse(openapi.document(self.options.root_path))

    async def page(self, _request: Request) -> Response:
        """The page."""
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    async def session(self, request: Request) -> Response:
        """A token, kept by the browser from now on; the guard has looked at it."""
        token = request.scope["state"].get("token")
        if token is None:
            raise Refusal("not-found", "Nobody needs a token here.")
        response = RedirectResponse(f"{request.scope.get('root_path', '')}/", 303)
        is_safe = request.url.scheme == "https"
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=is_safe)
        return response

    def _ticket(self, request: Request) -> Ticket:
        return self.desk.find(request.path_params["id"], client(request))

    def _said(self, ticket: Ticket, status: int = 200, **headers: str) -> Response:
        return _json(self.desk.message(ticket), status, cache_control="no-store", **headers)

    def _picture(self, ticket: Ticket, which: str) -> Path:
        if which == "before":
            return ticket.job.source
        if which == "after":
            handing.result(ticket)
            return ticket.job.target
        raise Refusal("not-found", "There is before and after.")


class _Static(StaticFiles):
    def file_response(self, *args: Any, **named: Any) -> Response:  # Any: passed on
        """Asked about each time: a page never meets scripts of an older version."""
        response = super().file_response(*args, **named)
        response.headers["cache-control"] = "no-cache"
        return response


async def _ended(ticket: Ticket) -> None:
    while not ticket.has_ended:
        await ticket.changed.wait()


async def _unless_gone(request: Request, what: Any) -> None:  # Any: a coroutine
    """Wait for it, unless who asked goes away. Raises ClientDisconnect then."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    waiting, watching = asyncio.create_task(what), asyncio.create_task(gone())
    try:
        await asyncio.wait((waiting, watching), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ClientDisconnect
    finally:
        waiting.cancel()
        watching.cancel()


def _json(message: messages.Message, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(message.model_dump_json(), status, named, media_type="application/json")


async def _unheard(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)  # nobody is there to read it


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problems.response(error, request)


async def _misled(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        refusal = Refusal("method-not-allowed", f"There is {allowed}.", allow=allowed)
    else:
        refusal = Refusal("not-found", f"There is no {request.url.path} here.")
    return problems.response(refusal, request)


async def _failed(request: Request, error: Exception) -> Response:
    return problems.response(problems.of(error), request)

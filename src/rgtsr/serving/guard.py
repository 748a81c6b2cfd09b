"""Who may ask, and from where; what every answer says. Pure ASGI: bodies pass untouched."""

import asyncio
import hashlib
import hmac
import html
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rgtsr.serving import problems
from rgtsr.serving.metrics import Counts
from rgtsr.serving.options import Options
from rgtsr.serving.problems import Refusal
from rgtsr.serving.uploads import STILL_S

COOKIE = "rgtsr-token"
OPEN = ("/healthz", "/readyz", "/static/")  # to whom there is no token
SAFE = ("GET", "HEAD", "OPTIONS")
MOST_TOKEN_BYTES = 4096
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # "no-referrer" makes our own forms come from origin "null"
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Lets requests through to the application, or answers them itself.

    With ``options.tokens`` each request needs one, as a bearer or in the cookie of ``/session``.
    """

    def __init__(self, app: ASGIApp, *, options: Options, counts: Counts) -> None:
        self._options, self._counts, self._app = options, counts, app
        self._door: ASGIApp = self._pass
        if options.origins:  # around refusals too: a script of that site is to read them
            self._door = CORSMiddleware(
                self._pass,
                allow_origins=options.origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["Location", "Retry-After", "X-Rgtsr-Models", "X-Rgtsr-Seconds"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_read = scope["method"] != "POST"

        async def heard() -> Message:
            nonlocal is_read
            message = await receive()
            is_read |= message["type"] == "http.request" and not message.get("more_body", False)
            return message

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts.answered(message["status"])
                headers = MutableHeaders(scope=message)
                if not is_read:  # what is still on its way is not read: no next request either
                    headers["connection"] = "close"
                for name, value in ALWAYS.items():
                    if not (name == "cross-origin-resource-policy" and self._options.origins):
                        headers.setdefault(name, value)
            await send(message)

        await self._door(scope, heard, labelled)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        scope.setdefault("state", {})
        try:
            await self._admit(request)
        except Refusal as refusal:
            await self._turned_away(request, refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, request: Request) -> None:
        headers = request.headers
        name = _split(f"//{headers.get('host', '')}").hostname or ""
        hosts = self._options.hosts
        if hosts is not None and name not in hosts:
            raise Refusal("wrong-host", f"{name!r} is not what this service is called.")
        if request.method not in SAFE:
            self._look_at_origin(headers)
        address = request.client.host if request.client else ""
        if request.method == "OPTIONS" or not self._options.tokens:
            request.scope["state"]["client"] = address
            return
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if path == "/session" and request.method == "POST":
            token = await _posted(request, min(STILL_S, self._options.timeout_s))
        elif path.startswith(OPEN):
            return
        else:
            token = _sent(headers)
        if token is None:
            raise Refusal(
                "no-token", "Send a token: Authorization: Bearer ...", www_authenticate="Bearer"
            )
        if not self._is_known(token):
            raise Refusal("wrong-token", "This token is not known here.", www_authenticate="Bearer")
        request.scope["state"] |= {"client": _digest(token).hex(), "token": token}

    def _look_at_origin(self, headers: Headers) -> None:
        """Pages of other sites may not use this service through the browser of who reads them."""
        origin = headers.get("origin")
        if origin is None or origin in self._options.origins:
            return
        if _split(origin).netloc != headers.get("host"):
            raise Refusal("foreign-origin", f"{origin} is not allowed to ask: --cors allows it.")

    def _is_known(self, token: str) -> bool:
        """In the same time whichever it is, and however much of it is right."""
        given = _digest(token)
        found = [hmac.compare_digest(given, _digest(known)) for known in self._options.tokens]
        return any(found)

    def _turned_away(self, request: Request, refusal: Refusal) -> Any:  # Any: an ASGI answer
        wants_page = "text/html" in request.headers.get("accept", "")
        if refusal.problem.status == 401 and wants_page:
            wrong = refusal.problem.code == "wrong-token"
            hint = "<p role=alert>That token is not known here.</p>" if wrong else ""
            root = html.escape(request.scope.get("root_path", ""))
            return HTMLResponse(SIGN_IN.format(hint=hint, root=root), 401, refusal.headers)
        return problems.response(refusal, request)


def client(request: Request) -> str:
    """Who asks: by the token, or by the address where nobody needs one."""
    return request.scope["state"]["client"]


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise Refusal("bad-request", f"{address!r} is no address.") from error


async def _posted(request: Request, patience_s: float) -> str | None:
    """The token of a small form."""
    body = b""
    try:
        async with asyncio.timeout(patience_s):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_TOKEN_BYTES:
                    raise Refusal("body-too-large", "That is no token.")
    except TimeoutError as error:
        raise Refusal("upload-timeout", "The token took too long.") from error
    return parse_qs(body.decode("utf-8", "replace")).get("token", [None])[0]


def _sent(headers: Headers) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


SIGN_IN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in - rgtsr</title>
<link rel="icon" href="{root}/static/icon.svg">
<link rel="stylesheet" href="{root}/static/page.css">
<main class="sign-in">
<h1 class="brand"><img src="{root}/static/icon.svg" alt="" width="36" height="36"> rgtsr</h1>
<p>To enlarge pictures here you need a token: a kind of password, a line of letters. Whoever runs
this service gives it out; ask there for yours.</p>
{hint}<form method="post" action="{root}/session">
<label>Token <input name="token" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
</main>
"""

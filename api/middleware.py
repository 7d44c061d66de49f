"""Middleware of every request: correlation id, size limit, security headers, metrics. Pure ASGI, for speed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import lru_cache

import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alphaads_pipelines.telemetry import REQUEST_SECONDS, REQUESTS, new_correlation_id
from api import errors

MOST_BODY_BYTES = 5 * 1024 * 1024
_WELL_FORMED = re.compile(rb"[0-9a-fA-F-]{16,36}")
_CSP = b"default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self'; frame-ancestors 'none'; base-uri 'none'"
_DOCS_CSP = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src blob:; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class _TooLarge(HTTPException):
    def __init__(self) -> None:
        super().__init__(status_code=413)


class EveryRequest:
    """The middleware.

    Parameters
    ----------
    is_production: add Strict-Transport-Security.
    """

    def __init__(self, app: ASGIApp, is_production: bool) -> None:
        self._app = app
        self._extra = (*_HEADERS, _HSTS) if is_production else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        correlation_id = _correlation_id(headers)
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        answer = _Answer(scope, send, self._extra, correlation_id)
        started = time.perf_counter()
        tokens = structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        try:
            await self._respond(scope, _limited(headers, receive), answer)
        finally:
            structlog.contextvars.reset_contextvars(**tokens)
        number, seconds = _metrics(getattr(scope.get("route"), "path", "none"), answer.status)
        number.inc()
        seconds.observe(time.perf_counter() - started)

    async def _respond(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception as error:  # handled here, so that this response gets the headers, too
            if answer.has_started:
                raise
            await errors.unexpected(Request(scope), error)(scope, receive, answer)


@lru_cache
def _metrics(route: str, status: int) -> tuple[Counter, Histogram]:
    """Cached: looking them up takes longer than counting."""
    return REQUESTS.labels(route, str(status)), REQUEST_SECONDS.labels(route)


def _correlation_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-correlation-id", b"")
    return given.decode() if _WELL_FORMED.fullmatch(given) else new_correlation_id()


def _limited(headers: Mapping[bytes, bytes], receive: Receive) -> Receive:
    declared = headers.get(b"content-length", b"0")
    received = 0

    async def limited() -> Message:
        nonlocal received
        if declared.isdigit() and int(declared) > MOST_BODY_BYTES:
            raise _TooLarge
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BODY_BYTES:
            raise _TooLarge
        return message

    return limited


class _Answer:
    def __init__(self, scope: Scope, send: Send, extra: tuple[tuple[bytes, bytes], ...], correlation_id: str) -> None:
        self._state, self._send, self._extra = scope["state"], send, extra
        self._own = (
            (b"x-correlation-id", correlation_id.encode()),
            (b"content-security-policy", _DOCS_CSP if scope["path"].startswith(("/api/docs", "/api/redoc")) else _CSP),
        )
        self.status = 500
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] < 400 and self._state.get("owes_record"):
                raise RuntimeError("an answer about a person was not recorded in the audit log, so it is not sent")
            self.status, self.has_started = message["status"], True
            message["headers"] = [*message.get("headers", []), *self._extra, *self._own]
        await self._send(message)

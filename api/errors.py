"""Error responses: one JSON shape, with code and status from the project's error tree; never the input."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from alphaads_pipelines.errors import AlphaAdsError, Unauthenticated
from alphaads_pipelines.telemetry import get_logger

_log = get_logger(__name__)
_RETRY_AFTER_S = "2"


def answer(
    request: Request, status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Build an error response."""
    correlation_id = getattr(request.state, "correlation_id", "")
    error = {"code": code, "message": message, "correlation_id": correlation_id}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Register the exception handlers."""
    app.add_exception_handler(AlphaAdsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AlphaAdsError)
    headers = {"Retry-After": _RETRY_AFTER_S} if error.retryable else {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    message = str(error) if error.http_status != 500 else "something is wrong on our side"
    if error.http_status >= 500:
        _log.warning("request failed", code=error.code)
    return answer(request, error.http_status, error.code, message, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    places = sorted({_place(each) for each in error.errors()})
    known = [place for place in places if place.replace(".", "").replace("_", "").isalnum()][:10]
    return answer(request, 422, "invalid_request", f"wrong, missing or unknown: {', '.join(known) or 'the request'}")


def _place(error: Mapping[str, Any]) -> str:
    """The error's location. The name of an unknown field is caller input, so its parent stands for it."""
    where = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    return ".".join(part for part in where if isinstance(part, str))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    messages = {404: "there is nothing here", 405: "this method is not allowed here", 413: "the body is too large"}
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    return answer(request, error.status_code, code, messages.get(error.status_code, "the request was refused"), headers)


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """Build the response to a bug. Its message is not logged: it may contain caller input."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    _log.error("unexpected error", error=type(error).__name__, places=places)
    return answer(request, 500, "error", "something is wrong on our side")

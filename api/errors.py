"""Errors as answers: the project's error tree carries codes and statuses; one shape; input is never echoed."""

from __future__ import annotations

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
    """The one shape of an error."""
    correlation_id = getattr(request.state, "correlation_id", "")
    error = {"code": code, "message": message, "correlation_id": correlation_id}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(AlphaAdsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


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
    places = sorted({".".join(str(part) for part in each["loc"] if isinstance(part, str)) for each in error.errors()})
    known = [place for place in places if place.replace(".", "").replace("_", "").isalnum()][:10]
    return answer(request, 422, "invalid_request", f"wrong or missing: {', '.join(known) or 'the request'}")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    messages = {404: "there is nothing here", 405: "this method is not allowed here", 413: "the body is too large"}
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "refused")
    headers = dict(error.headers or {})
    return answer(request, error.status_code, code, messages.get(error.status_code, "the request was refused"), headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected error", error=type(error).__name__, exc_info=error)
    return answer(request, 500, "error", "something is wrong on our side")

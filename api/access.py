"""Access rules. Every route declares one: public or a scope; a test fails where it is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as DependsParameter

from alphaads_pipelines.errors import AccessDenied, Unauthenticated
from api.credentials import Authenticator, Caller

RULE = "__access_rule__"
PUBLIC = "public"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def public(endpoint: Endpoint) -> Endpoint:
    """Declare that a route needs no credential."""
    setattr(endpoint, RULE, PUBLIC)
    return endpoint


async def authenticate(request: Request) -> Caller:
    """Return the caller of the bearer token or API key, once per request. Raises Unauthenticated, StoreUnavailable."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        caller = request.state.caller = await _authenticated(request)
    return caller


async def _authenticated(request: Request) -> Caller:
    authenticator: Authenticator = request.app.state.authenticator
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        ask = partial(authenticator.by_token, token.strip())
    elif key := request.headers.get("x-api-key"):
        ask = partial(authenticator.by_key, key)
    else:
        raise Unauthenticated("give a bearer token or an API key")
    return await run_in_threadpool(ask) if authenticator.would_block else ask()


def scope(name: str) -> DependsParameter:
    """Dependency: a caller that holds the scope. Raises Unauthenticated, AccessDenied."""

    async def check(request: Request) -> Caller:
        caller = await authenticate(request)
        if name not in caller.scopes:
            raise AccessDenied(f"this needs the scope {name}")
        return caller

    setattr(check, RULE, name)
    dependency: DependsParameter = Depends(check)
    return dependency


def rule_of(route: Any, attribute: str = RULE) -> str | None:
    """Return a route's declared rule: PUBLIC, a scope or None. `attribute` selects another kind of rule."""
    if declared := getattr(getattr(route, "endpoint", None), attribute, None):
        return str(declared)
    for dependency in getattr(getattr(route, "dependant", None), "dependencies", []):
        if declared := getattr(dependency.call, attribute, None):
            return str(declared)
    return None

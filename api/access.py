"""Access rules: every route declares one, public or a scope; a test walks the routes and fails where one is missing."""

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
    """Declare that anybody may call this."""
    setattr(endpoint, RULE, PUBLIC)
    return endpoint


async def authenticate(request: Request) -> Caller:
    """Who calls, from the bearer token or the API key; found out once. Raises Unauthenticated, StoreUnavailable."""
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
    """Dependency: the caller, who must hold the scope. Raises Unauthenticated, AccessDenied."""

    async def check(request: Request) -> Caller:
        caller = await authenticate(request)
        if name not in caller.scopes:
            raise AccessDenied(f"this needs the scope {name}")
        return caller

    setattr(check, RULE, name)
    dependency: DependsParameter = Depends(check)
    return dependency


def rule_of(route: Any, attribute: str = RULE) -> str | None:
    """The declared rule of a route, or None: PUBLIC or the name of a scope; another attribute names another rule."""
    if declared := getattr(getattr(route, "endpoint", None), attribute, None):
        return str(declared)
    for dependency in getattr(getattr(route, "dependant", None), "dependencies", []):
        if declared := getattr(dependency.call, attribute, None):
            return str(declared)
    return None

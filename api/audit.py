"""Audit rules: every route that is not public says what it does with whose data, and records that before it answers.

A route about people takes a `Recorder` from `recorded(...)`, behind its scope, so that what was refused is no access;
any other is marked `about_nobody`. A test walks the routes and fails where neither is declared. An answer of an
endpoint that has a recorder and did not use it never leaves: the middleware turns it into an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Depends, Request
from fastapi.params import Depends as DependsParameter

from api.access import authenticate, rule_of
from api.credentials import Caller

RULE = "__audit_rule__"
NOBODY = "nobody"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def about_nobody(endpoint: Endpoint) -> Endpoint:
    """Declare that this neither reads nor changes anything of a person."""
    setattr(endpoint, RULE, NOBODY)
    return endpoint


class Recorder:
    """Records one call, before its data is read or changed."""

    def __init__(self, request: Request, caller: Caller, action: str, purpose: str) -> None:
        self._request, self._caller, self._action, self._purpose = request, caller, action, purpose
        request.state.owes_record = True

    def record(self, *subjects: str) -> None:
        """Write the entry of this call: about these subject ids; about people nobody can name yet if there are none.

        Raises
        ------
        StoreUnavailable: it could not be written; the call is answered with 503 and goes no further.
        """
        self._request.app.state.wiring.audit.record(
            action=self._action,
            purpose=self._purpose,
            actor=f"api:{self._caller.tenant}/{self._caller.name}",
            resource=f"{self._request.method} {self._request.scope['route'].path}",
            subjects=subjects,
            correlation_id=self._request.state.correlation_id,
        )
        self._request.state.owes_record = False

    def nobody(self) -> None:
        """This call turned out to be about nobody."""
        self._request.state.owes_record = False


def recorded(action: str, purpose: str) -> DependsParameter:
    """Dependency: the recorder of this call; it stands behind the caller's `scope(...)` in the endpoint's signature.

    Parameters
    ----------
    action: what the route does, as `noun.verb`.
    purpose: what for; see `AuditLog.record`.
    """

    async def recorder(request: Request) -> Recorder:
        return Recorder(request, await authenticate(request), action, purpose)

    setattr(recorder, RULE, action)
    dependency: DependsParameter = Depends(recorder)
    return dependency


def record_of(route: Any) -> str | None:
    """What a route declares of its entry: NOBODY, the action that it records, or None."""
    return rule_of(route, RULE)

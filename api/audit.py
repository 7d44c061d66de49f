"""Audit rules: routes that are not public record their access to personal data before they respond.

A route about people takes a `Recorder` from `recorded(...)`, after its scope, so that refused calls are not recorded;
any other is marked `about_nobody`. A test fails for routes with neither. If an endpoint does not use its recorder, the
middleware replaces the response with an error.
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
    """Declare that a route neither reads nor changes personal data."""
    setattr(endpoint, RULE, NOBODY)
    return endpoint


class Recorder:
    """Records one call, before its data is read or changed."""

    def __init__(self, request: Request, caller: Caller, action: str, purpose: str) -> None:
        self._request, self._caller, self._action, self._purpose = request, caller, action, purpose
        request.state.owes_record = True

    def record(self, *subjects: str) -> None:
        """Write this call's entry about these subject ids; none if they are not known yet.

        Raises
        ------
        StoreUnavailable: the entry could not be written; the response is 503.
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
        """Declare that this call concerns no person and needs no entry."""
        self._request.state.owes_record = False


def recorded(action: str, purpose: str) -> DependsParameter:
    """Dependency: the recorder of this call. Place it after `scope(...)` in the signature.

    Parameters
    ----------
    action: `noun.verb`.
    purpose: see `AuditLog.record`.
    """

    async def recorder(request: Request) -> Recorder:
        return Recorder(request, await authenticate(request), action, purpose)

    setattr(recorder, RULE, action)
    dependency: DependsParameter = Depends(recorder)
    return dependency


def record_of(route: Any) -> str | None:
    """Return a route's audit rule: NOBODY, the recorded action or None."""
    return rule_of(route, RULE)

"""Roles of policies: serving, canary and shadows, with their history.

Pure rules over a document (policy_store.py) replaced whole, so changes apply from the next decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.errors import InvalidRequest, SchemaMismatch
from alphaads_pipelines.msgspec_types import decoder

SERVING, CANARY = "serving", "canary"
FIRST = "thompson"
"""Serves until another is promoted."""
MOST_CANARY_SHARE = 0.5
KEPT_CHANGES = 50


class Pin(msgspec.Struct, frozen=True):
    """A policy; `version` None follows the newest."""

    policy: str
    version: int | None = None


class Canary(msgspec.Struct, frozen=True):
    """A policy deciding in a share of decisions, MOST_CANARY_SHARE at most."""

    policy: str
    share: float
    version: int | None = None

    @property
    def pin(self) -> Pin:
        """Its pin."""
        return Pin(self.policy, self.version)


class Change(msgspec.Struct, frozen=True):
    """A change of roles, its actor, time (RFC 3339) and supporting figures."""

    what: str
    by: str
    at: str
    figures: dict[str, Any] = {}


class Roles(msgspec.Struct, frozen=True):
    """The assignment of roles.

    Parameters
    ----------
    canary: decides in its share instead of `serving`.
    shadow: recorded, not shown.
    previous: served before; a rollback's target.
    history: the last KEPT_CHANGES, newest last.
    """

    serving: Pin = Pin(FIRST)
    canary: Canary | None = None
    shadow: tuple[str, ...] = ()
    previous: Pin | None = None
    history: tuple[Change, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every policy with a role, previous included."""
        others = [each.policy for each in (self.canary, self.previous) if each is not None]
        return tuple(dict.fromkeys([self.serving.policy, *others, *self.shadow]))

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Policies evaluated at each decision."""
        canary = [self.canary.pin] if self.canary is not None else []
        return tuple(dict.fromkeys([self.serving, *canary, *(Pin(name) for name in self.shadow)]))

    @property
    def pinned(self) -> frozenset[int]:
        """Versions that must be kept."""
        held = (self.serving, self.canary, self.previous)
        return frozenset(each.version for each in held if each is not None and each.version is not None)

    def promote(self, to: Pin, by: str, now: datetime, figures: Mapping[str, Any]) -> Roles:
        """Let another policy serve, ending its other roles. Raises InvalidRequest if it serves already."""
        if to == self.serving:
            raise InvalidRequest(f"{describe_pin(to)} serves already")
        canary = None if self.canary is not None and self.canary.policy == to.policy else self.canary
        shadow = tuple(name for name in self.shadow if name != to.policy)
        parts = {"serving": to, "canary": canary, "shadow": shadow, "previous": self.serving}
        return self._with_change(f"promote {describe_pin(to)}", by, now, figures, **parts)

    def set_canary(self, canary: Canary | None, by: str, now: datetime, figures: Mapping[str, Any]) -> Roles:
        """Set or end (None) the canary.

        Raises
        ------
        InvalidRequest: the share is out of bounds, the policy serves already, or there is no canary.
        """
        if canary is None:
            if self.canary is None:
                raise InvalidRequest("there is no canary")
            return self._with_change("end the canary", by, now, figures, canary=None)
        if not 0 < canary.share <= MOST_CANARY_SHARE:
            raise InvalidRequest(f"the share of a canary lies above 0 and is at most {MOST_CANARY_SHARE:g}")
        if canary.pin == self.serving:
            raise InvalidRequest(f"{describe_pin(canary.pin)} serves already")
        what = f"canary {describe_pin(canary.pin)} with a share of {canary.share:g}"
        return self._with_change(what, by, now, figures, canary=canary)

    def set_shadows(self, names: tuple[str, ...], by: str, now: datetime) -> Roles:
        """Replace the shadows."""
        shadow = tuple(dict.fromkeys(names))
        return self._with_change(f"shadow {', '.join(shadow) or 'none'}", by, now, {}, shadow=shadow)

    def roll_back(self, by: str, now: datetime) -> Roles:
        """Swap serving and previous, and end a canary. Raises InvalidRequest if there is neither."""
        if self.previous is None and self.canary is None:
            raise InvalidRequest("there is nothing to roll back: no other policy served before, and there is no canary")
        if self.previous is None:
            return self._with_change("roll back the canary", by, now, {}, canary=None)
        swapped = {"serving": self.previous, "previous": self.serving, "canary": None}
        return self._with_change(f"roll back to {describe_pin(self.previous)}", by, now, {}, **swapped)

    def _with_change(self, what: str, by: str, now: datetime, figures: Mapping[str, Any], **parts: Any) -> Roles:
        change = Change(what, by, now.isoformat(), dict(figures))
        history = (*self.history, change)[-KEPT_CHANGES:]
        return msgspec.structs.replace(self, history=history, **parts)


_to_roles = decoder(Roles)


def describe_pin(pin: Pin) -> str:
    """Policy and version in words."""
    return pin.policy if pin.version is None else f"{pin.policy} as of version {pin.version}"


def check_name(name: str) -> str:
    """Return a known name. Raises InvalidRequest."""
    if name not in POLICIES:
        raise InvalidRequest(f"POLICY: is none; known: {', '.join(POLICIES)}")
    return name


def roles_of(document: Mapping[str, Any]) -> Roles:
    """Parse the roles; older documents name only the serving policy. Raises SchemaMismatch."""
    if "serving" not in document:
        return Roles(Pin(str(document.get("policy", FIRST))))
    try:
        return _to_roles(document)
    except msgspec.ValidationError as error:
        raise SchemaMismatch("the roles of the policies cannot be read") from error


def document_of(roles: Roles) -> dict[str, Any]:
    """JSON-ready."""
    built: dict[str, Any] = msgspec.to_builtins(roles)
    return built

"""Trained policies by version, and the document of their roles.

Versions are immutable, so a decision can be recomputed while its version is kept: the newest NEWEST of each policy, the
last of each hour for a week, of each day for as long as decisions, and pinned ones. Version 0 is untrained.

    policies = read_policies(connection, policies, also=["linucb"])   # two small queries if unchanged
    policies.serving.policy.choose(arms, context, seed)               # log policies.serving.version
    policies.canary, policies.shadow, policies.named("linucb")        # `also` is for experiments
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.bandits.policy_roles import FIRST, Pin, Roles, describe_pin, document_of, roles_of
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.errors import AlphaAdsError, NotFound, SchemaMismatch
from alphaads_pipelines.stores.sql.documents import document_version_in, read_document, replace_document_in
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import chunks, select_in, sql_table, transaction
from alphaads_pipelines.telemetry import get_logger

POLICY = "policy"
"""Name of the roles document."""
NEWEST = 1_000
HOURLY = timedelta(days=7)

_OVERTAKEN = "the roles of the policies were changed meanwhile; nothing was changed by this"
_versions, _documents = sql_table("policy_versions"), sql_table("published_documents")
_NEWEST = PreparedStatement(
    sa.select(sa.func.max(_versions.c.version)).where(_versions.c.policy == sa.bindparam("of_policy"))
)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy as trained; version 0 is untrained."""

    policy: Policy
    version: int = 0
    taught_at: datetime | None = None


def _default_policies() -> Mapping[Pin, PolicyVersion]:
    return {Pin(FIRST): PolicyVersion(POLICIES.load(FIRST).from_state({}))}


@dataclass(frozen=True, slots=True)
class Policies:
    """Loaded policies by role.

    Attributes
    ----------
    roles_version: of the roles document, 0 before the first.
    loaded: by pin.
    unavailable: unreadable due versions by pin; never the serving one.
    """

    roles: Roles = field(default_factory=Roles)
    roles_version: int = 0
    loaded: Mapping[Pin, PolicyVersion] = field(default_factory=_default_policies)
    unavailable: Mapping[Pin, int] = field(default_factory=dict)

    @property
    def serving(self) -> PolicyVersion:
        """The deciding policy."""
        return self.loaded[self.roles.serving]

    @property
    def canary(self) -> PolicyVersion | None:
        """The canary, if readable."""
        return None if self.roles.canary is None else self.loaded.get(self.roles.canary.pin)

    @property
    def shadow(self) -> dict[str, PolicyVersion]:
        """Shadow policies by name."""
        pins = {name: Pin(name) for name in self.roles.shadow}
        return {name: self.loaded[pin] for name, pin in pins.items() if pin in self.loaded}

    @property
    def version(self) -> str:
        """Identifies the roles document and newest version."""
        return f"{self.roles_version}.{max(each.version for each in self.loaded.values())}"

    def named(self, name: str) -> PolicyVersion | None:
        """A named policy's newest version; None if unreadable."""
        return self.loaded.get(Pin(name))


def read_policies(connection: Connection, current: Policies, also: Collection[str] = ()) -> Policies:
    """Refresh policies, also those named in `also`; returns `current` itself if nothing changed.

    Raises
    ------
    ConfigurationError, MissingArtifact, SchemaMismatch, NotFound: the serving policy is unreadable. Others are logged
        and skipped.
    """
    version, roles = _roles_in(connection, current)
    pins = tuple(dict.fromkeys([*roles.pins, *(Pin(name) for name in also)]))
    newest = newest_versions(connection, {pin.policy for pin in pins})
    due = {pin: pin.version if pin.version is not None else newest.get(pin.policy, 0) for pin in pins}
    known = {(pin.policy, each.version): each for pin, each in current.loaded.items()}
    loaded = {pin: known[pin.policy, due[pin]] for pin in pins if (pin.policy, due[pin]) in known}
    unavailable = {pin: due[pin] for pin in pins if current.unavailable.get(pin) == due[pin] and pin != roles.serving}
    for pin in [pin for pin in pins if pin not in loaded and pin not in unavailable]:
        try:
            loaded[pin] = load_version(connection, Pin(pin.policy, due[pin]))
        except AlphaAdsError as error:
            if pin == roles.serving or error.retryable:
                raise
            unavailable[pin] = due[pin]
            _log.warning("policy left out", policy=pin.policy, version=due[pin], error=error.code)
    found = Policies(roles, version, loaded, unavailable)
    return current if found == current else found


def _roles_in(connection: Connection, current: Policies) -> tuple[int, Roles]:
    version = document_version_in(connection, POLICY)
    if version == current.roles_version:
        return version, current.roles
    return version, roles_of(select_in(connection, _documents.name, "name", [POLICY], ["document"])[0].document)


def newest_versions(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The newest version of each trained policy."""
    found = {}
    for name in sorted(set(names)):  # an index lookup each
        if (version := _NEWEST.scalar(connection, of_policy=name)) is not None:
            found[name] = int(version)
    return found


def load_version(connection: Connection, pin: Pin) -> PolicyVersion:
    """Load a version; 0 is untrained, None the newest.

    Raises
    ------
    NotFound: another policy's, never trained, or no longer kept.
    ConfigurationError, MissingArtifact, SchemaMismatch: unreadable.
    """
    kind = POLICIES.load(pin.policy)
    version = newest_versions(connection, [pin.policy]).get(pin.policy, 0) if pin.version is None else pin.version
    if version == 0:
        return PolicyVersion(kind.from_state({}))
    query = sa.select(_versions.c.state, _versions.c.taught_at)
    row = connection.execute(query.where(_versions.c.version == version, _versions.c.policy == pin.policy)).first()
    if row is None:
        raise NotFound(f"{describe_pin(pin)} is not kept: it was never taught, or is too old")
    return PolicyVersion(kind.from_state(_decompress(row.state)), version, row.taught_at)


def _compress(state: Mapping[str, Any]) -> bytes:
    """Compressed JSON: linear policies hold many zeros."""
    return zlib.compress(orjson.dumps(state), 1)


def _decompress(packed: bytes) -> dict[str, Any]:
    try:
        state: dict[str, Any] = orjson.loads(zlib.decompress(packed))
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise SchemaMismatch("the state of a policy cannot be read") from error
    return state


def append_version(connection: Connection, policy: Policy, now: datetime) -> int:
    """Store a new version; returns its number, the greatest."""
    row = {"policy": policy.name, "state": _compress(policy.state()), "taught_at": now}
    return int(connection.execute(_versions.insert().values(row).returning(_versions.c.version)).scalar_one())


def versions_of(connection: Connection, name: str) -> list[tuple[int, datetime]]:
    """Kept versions and training times, newest first."""
    query = sa.select(_versions.c.version, _versions.c.taught_at).where(_versions.c.policy == name)
    return [(int(version), at) for version, at in connection.execute(query.order_by(_versions.c.version.desc()))]


def prune_versions(
    connection: Connection, names: Iterable[str], now: datetime, *, since: datetime, keep: Collection[int]
) -> int:
    """Delete surplus versions and, beyond the newest, those before `since`, but none in `keep`; returns how many."""
    versions = [versions_of(connection, name) for name in names]
    old = [version for each in versions for version in _prunable(each, now, since) if version not in keep]
    for some in chunks(old):
        connection.execute(_versions.delete().where(_versions.c.version.in_(some)))
    return len(old)


def _prunable(versions: list[tuple[int, datetime]], now: datetime, since: datetime) -> list[int]:
    """Newest first: all but the newest, and the last of each hour or day."""
    old, kept = list[int](), set[str]()
    for version, at in versions[NEWEST:]:
        slot = at.strftime("%Y-%m-%d %H" if now - at <= HOURLY else "%Y-%m-%d")
        if slot in kept or at < since:
            old.append(version)
        kept.add(slot)
    return old


def read_roles(engine: Engine) -> tuple[int, Roles]:
    """The document's version, 0 before the first, and roles. Raises SchemaMismatch."""
    version, document = read_document(engine, POLICY)
    return version, roles_of(document)


def change_roles(engine: Engine, change: Callable[[Roles], Roles], now: datetime) -> Roles:
    """Replace the roles atomically; exceptions of `change` propagate.

    Raises
    ------
    WriteConflict: they changed meanwhile. StoreUnavailable.
    """
    seen, roles = read_roles(engine)
    changed = change(roles)
    with transaction(engine) as connection:
        write_roles_in(connection, changed, now, seen=seen)
    return changed


def write_roles_in(connection: Connection, roles: Roles, now: datetime, *, seen: int) -> int:
    """Write roles derived from version `seen`."""
    document: Mapping[str, Any] = document_of(roles)
    return replace_document_in(connection, POLICY, document, now, seen=seen, overtaken=_OVERTAKEN)


def initialise_roles_in(connection: Connection, now: datetime) -> Roles:
    """Read the roles, writing defaults if there are none.

    Older documents held the policy itself, whose state becomes a version.

    Raises
    ------
    SchemaMismatch. WriteConflict: they were written meanwhile.
    """
    rows = select_in(connection, _documents.name, "name", [POLICY], ["version", "document"])
    seen, document = (rows[0].version, rows[0].document) if rows else (0, {})
    roles = roles_of(document)
    if "serving" not in document:
        if document.get("state"):
            append_version(connection, POLICIES.load(roles.serving.policy).from_state(document["state"]), now)
        write_roles_in(connection, roles, now, seen=seen)
    return roles

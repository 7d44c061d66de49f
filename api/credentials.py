"""Credentials: short-lived bearer tokens and hashed API keys. Free of FastAPI, for the command line.

Tokens are JWTs (RFC 7519), HS256 only, with issuer, audience, expiry and a revocable id. API keys are 256 random bits,
stored as HMAC-SHA256 under SECRET_KEY: full entropy needs no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import jwt
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, Unauthenticated
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import insert_ignore, sql_table, transaction

SCOPES = frozenset(
    {
        *("posts:write", "profiles:read", "decisions:read", "decisions:write", "events:write", "health:read"),
        *("gazetteer:read", "gazetteer:write", "consents:read", "consents:write", "analytics:read", "privacy:officer"),
        *("campaigns:read", "campaigns:write", "creatives:review"),
    }
)
ISSUER, AUDIENCE, ALGORITHM = "alphaads", "alphaads-api", "HS256"
_REFRESH_S = 1.0
_KEY_PREFIX = "aak_"
_NOT_VALID = "the token is not valid, or not valid any more"
_MOST_MINUTES = 60.0
_tokens, _api_keys = sql_table("revoked_tokens"), sql_table("api_keys")
# Prepared: runs each second on the critical path of a decision.
_REVOKED_TOKENS = PreparedStatement(sa.select(_tokens.c.jti).where(_tokens.c.expires_at > sa.bindparam("now")))
_KEYS = PreparedStatement(
    sa.select(_api_keys.c.key_hash, _api_keys.c.name, _api_keys.c.tenant, _api_keys.c.scopes).where(
        _api_keys.c.revoked_at.is_(None)
    )
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller."""

    name: str
    tenant: str
    scopes: frozenset[str]


def _checked(scopes: Iterable[str]) -> list[str]:
    unknown = sorted(set(scopes) - SCOPES)
    if unknown:
        raise InvalidRequest(f"unknown scopes: {', '.join(unknown)}; known: {', '.join(sorted(SCOPES))}")
    return sorted(set(scopes))


def issue_token(secret: str, *, subject: str, tenant: str, scopes: Iterable[str], minutes: float = 15.0) -> str:
    """Sign a bearer token. Raises InvalidRequest for an unknown scope or a lifetime over an hour."""
    if not 0 < minutes <= _MOST_MINUTES:
        raise InvalidRequest(f"a token lives for at most {_MOST_MINUTES:.0f} minutes")
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "tenant": tenant,
        "scope": " ".join(_checked(scopes)),
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=minutes),
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, secret, ALGORITHM)


def create_api_key(engine: Engine, secret: str, *, name: str, tenant: str, scopes: Iterable[str]) -> str:
    """Create an API key and store its hash. The returned key cannot be read again."""
    key = _KEY_PREFIX + secrets.token_urlsafe(32)
    row = {"key_hash": _hash(secret, key), "name": name, "tenant": tenant, "scopes": " ".join(_checked(scopes))}
    with transaction(engine) as connection:
        insert_ignore(connection, "api_keys", [{**row, "created_at": datetime.now(UTC), "revoked_at": None}])
    return key


def revoke_api_key(engine: Engine, secret: str, key: str) -> None:
    """Revoke the key."""
    with transaction(engine) as connection:
        revoked = _api_keys.update().where(_api_keys.c.key_hash == _hash(secret, key))
        connection.execute(revoked.values(revoked_at=datetime.now(UTC)))


def revoke_token(engine: Engine, secret: str, token: str) -> None:
    """Revoke a token, in every process within a second. Raises Unauthenticated."""
    claims = _claims(secret, token)
    expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
    with transaction(engine) as connection:
        insert_ignore(connection, "revoked_tokens", [{"jti": claims["jti"], "expires_at": expires_at}])


def _hash(secret: str, key: str) -> str:
    return hmac.new(secret.encode(), key.encode(), hashlib.sha256).hexdigest()


def _claims(secret: str, token: str) -> dict[str, str | int]:
    required = ["exp", "nbf", "iss", "aud", "sub", "jti"]
    try:
        claims: dict[str, str | int] = jwt.decode(
            token, secret, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options={"require": required}
        )
    except jwt.PyJWTError:
        raise Unauthenticated(_NOT_VALID) from None
    return claims


class _Verified(NamedTuple):
    """A token with a valid signature; `expires_at` is Unix time."""

    caller: Caller
    token_id: str
    expires_at: float


def _verified(claims: Mapping[str, str | int]) -> _Verified:
    scopes = frozenset(str(claims.get("scope", "")).split())
    caller = Caller(str(claims["sub"]), str(claims.get("tenant", "")), scopes)
    return _Verified(caller, str(claims["jti"]), float(claims["exp"]))


class Authenticator:
    """Resolves credentials to callers; refreshes revocations and keys at most once a second.

    Parameters
    ----------
    secret: SECRET_KEY. clock: monotonic seconds.
    """

    def __init__(self, engine: Engine, secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._secret, self._clock = engine, secret, clock
        self._refreshed_at = float("-inf")
        self._revoked: frozenset[str] = frozenset()
        self._verified: dict[str, _Verified] = {}
        self._keys: dict[str, Caller] = {}

    @property
    def would_block(self) -> bool:
        """Whether the next call reads from the store, and so may block."""
        return self._clock() - self._refreshed_at >= _REFRESH_S

    def _refresh(self) -> None:
        """Raises StoreUnavailable."""
        if not self.would_block:
            return
        self._revoked = frozenset(jti for (jti,) in _REVOKED_TOKENS.read(self._engine, now=datetime.now(UTC)))
        keys = _KEYS.read(self._engine)
        self._keys = {key: Caller(name, tenant, frozenset(scopes.split())) for key, name, tenant, scopes in keys}
        self._verified = {}
        self._refreshed_at = self._clock()

    def by_token(self, token: str) -> Caller:
        """Return the caller of a bearer token. Raises Unauthenticated, StoreUnavailable."""
        found = self._verified.get(token)
        if found is None:
            # Cached until the next refresh: verifying a signature is expensive.
            found = self._verified[token] = _verified(_claims(self._secret, token))
        self._refresh()
        if found.token_id in self._revoked or found.expires_at <= time.time():
            raise Unauthenticated(_NOT_VALID)
        return found.caller

    def by_key(self, key: str) -> Caller:
        """Return the caller of an API key. Raises Unauthenticated, StoreUnavailable."""
        self._refresh()
        caller = self._keys.get(_hash(self._secret, key))
        if caller is None:
            raise Unauthenticated("the API key is not known")
        return caller

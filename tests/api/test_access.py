"""Nobody gets in without a rule that lets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Route

from alphaads_pipelines.stores.sql.relational import connect
from alphaads_pipelines.wiring.app import Wiring
from api.access import PUBLIC, rule_of
from api.credentials import (
    ALGORITHM,
    AUDIENCE,
    ISSUER,
    SCOPES,
    Authenticator,
    create_api_key,
    issue_token,
    revoke_api_key,
    revoke_token,
)
from tests.api.conftest import SECRET, Headers

OPEN_TO_ALL = {"/", "/health", "/api/docs", "/api/redoc", "/api/openapi.json", "/api/docs/assets/{name}"}


def routes_of(app: FastAPI) -> list[Route]:
    """Every route of the service."""
    found: list[Route] = []

    def walk(routes: list[object]) -> None:
        for route in routes:
            inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
            if inner:
                walk(inner)
            else:
                found.append(route)

    walk(app.routes)
    return found


def test_every_route_declares_its_rule(app: FastAPI) -> None:
    rules = {route.path: rule_of(route) for route in routes_of(app)}
    assert len(rules) >= 11
    assert None not in rules.values(), rules
    assert set(rules.values()) <= SCOPES | {PUBLIC}
    assert {path for path, rule in rules.items() if rule == PUBLIC} == OPEN_TO_ALL


CALLS = [
    ("POST", "/api/v1/posts", "posts:write"),
    ("GET", f"/api/v1/profiles/{'0' * 32}", "profiles:read"),
    ("POST", "/api/v1/decisions", "decisions:write"),
    ("GET", f"/api/v1/decisions/{'0' * 32}/why", "decisions:read"),
    ("GET", f"/api/v1/decisions/{'0' * 32}/why/page", "decisions:read"),
    ("GET", "/api/v1/posts/x/1/touched", "privacy:officer"),
    ("DELETE", "/api/v1/posts/key/1", "privacy:officer"),
    ("POST", "/api/v1/events", "events:write"),
    ("PUT", "/api/v1/gazetteer/lumora", "gazetteer:write"),
    ("DELETE", "/api/v1/gazetteer/lumora", "gazetteer:write"),
    ("GET", f"/api/v1/consents/{'0' * 32}", "consents:read"),
    ("POST", "/api/v1/consents", "consents:write"),
    ("POST", "/api/v1/links", "consents:write"),
    ("DELETE", f"/api/v1/links/{'0' * 32}", "consents:write"),
    ("POST", "/api/v1/people/find", "privacy:officer"),
    ("GET", f"/api/v1/people/{'0' * 32}", "privacy:officer"),
    ("PUT", f"/api/v1/people/{'0' * 32}/restriction", "privacy:officer"),
    ("DELETE", f"/api/v1/people/{'0' * 32}/restriction", "privacy:officer"),
    ("PUT", f"/api/v1/people/{'0' * 32}/rectifications/mood", "privacy:officer"),
    ("DELETE", f"/api/v1/people/{'0' * 32}/rectifications/mood", "privacy:officer"),
    ("GET", "/api/v1/aggregates", "analytics:read"),
    ("GET", "/api/v1/health/detailed", "health:read"),
    ("GET", f"/api/v1/rights/export/{'0' * 32}", "privacy:officer"),
    ("GET", "/api/v1/organisation", "campaigns:read"),
    ("PUT", "/api/v1/organisation", "campaigns:write"),
    ("POST", "/api/v1/campaigns", "campaigns:write"),
    ("GET", "/api/v1/campaigns/k1", "campaigns:read"),
    ("GET", "/api/v1/campaigns/k1/spending", "campaigns:read"),
    ("PUT", "/api/v1/campaigns/k1", "campaigns:write"),
    *(("POST", f"/api/v1/campaigns/k1/{verb}", "campaigns:write") for verb in ("pause", "resume", "end")),
    ("GET", "/api/v1/creatives/c1", "campaigns:read"),
    *(("POST", f"/api/v1/creatives/c1/{verb}", "creatives:review") for verb in ("approve", "reject", "resubmit")),
    ("POST", "/api/v1/experiments", "campaigns:write"),
    ("GET", "/api/v1/experiments/e1", "campaigns:read"),
    *(("POST", f"/api/v1/experiments/e1/{verb}", "campaigns:write") for verb in ("start", "stop")),
    ("PUT", "/api/v1/experiments/e1/shares", "campaigns:write"),
]


@pytest.mark.parametrize(("method", "path", "needed"), CALLS)
def test_scopes_are_enforced(client: TestClient, headers: Headers, method: str, path: str, needed: str) -> None:
    assert client.request(method, path).status_code == 401
    others = sorted(SCOPES - {needed})
    assert client.request(method, path, json={}, headers=headers(*others)).status_code == 403
    assert client.request(method, path, json={}, headers=headers(needed)).status_code in (404, 422, 503)


def _claims(**changes: object) -> dict[str, object]:
    now = datetime.now(UTC)
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "scope": "health:read", "jti": "1"}
    return {**base, "nbf": now, "exp": now + timedelta(minutes=1), **changes}


@pytest.mark.parametrize(
    ("claims", "key", "algorithm"),
    [
        (_claims(exp=datetime(2020, 1, 1, tzinfo=UTC)), SECRET, ALGORITHM),
        (_claims(nbf=datetime.now(UTC) + timedelta(hours=1)), SECRET, ALGORITHM),
        (_claims(aud="others"), SECRET, ALGORITHM),
        (_claims(iss="others"), SECRET, ALGORITHM),
        (_claims(), "another-secret-that-is-long-enough-0000000", ALGORITHM),
        (_claims(), SECRET + "0" * 30, "HS512"),
        (_claims(), None, "none"),
        ({name: value for name, value in _claims().items() if name != "jti"}, SECRET, ALGORITHM),
    ],
)
def test_a_wrong_token_is_refused(
    client: TestClient, claims: dict[str, object], key: str | None, algorithm: str
) -> None:
    token = jwt.encode(claims, key, algorithm)
    answer = client.get("/api/v1/health/detailed", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert token not in answer.text


def test_a_revoked_token_is_refused_within_a_second(client: TestClient, app: FastAPI, wiring: Wiring) -> None:
    token = issue_token(SECRET, subject="x", tenant="t", scopes=["health:read"])
    given = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/health/detailed", headers=given).status_code == 503
    revoke_token(wiring.engine, SECRET, token)
    later = [0.0]
    app.state.authenticator = Authenticator(wiring.engine, SECRET, clock=lambda: later[0])
    later[0] = 1.1
    assert client.get("/api/v1/health/detailed", headers=given).status_code == 401


def test_wrong_credentials_are_refused_without_the_store(client: TestClient, app: FastAPI) -> None:
    app.state.authenticator = Authenticator(connect("postgresql+psycopg2://nobody@127.0.0.1:1/nothing"), SECRET)
    for given in ({}, {"Authorization": "Bearer wrong"}):
        assert client.get("/api/v1/health/detailed", headers=given).status_code == 401


def test_api_keys_are_stored_hashed_and_can_be_revoked(client: TestClient, app: FastAPI, wiring: Wiring) -> None:
    key = create_api_key(wiring.engine, SECRET, name="ads", tenant="acme", scopes=["decisions:write"])
    assert client.post("/api/v1/decisions", json={}, headers={"X-API-Key": key}).status_code == 503
    assert client.get("/api/v1/health/detailed", headers={"X-API-Key": key}).status_code == 403
    database = b"".join(path.read_bytes() for path in wiring.settings.alphaads_home.glob("relational.db*"))
    assert key.encode() not in database
    revoke_api_key(wiring.engine, SECRET, key)
    app.state.authenticator = Authenticator(wiring.engine, SECRET)
    assert client.post("/api/v1/decisions", json={}, headers={"X-API-Key": key}).status_code == 401

"""No answer about a person leaves without an entry in the audit log."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from alphaads_pipelines.audit.entries import Entry
from alphaads_pipelines.wiring.app import Wiring
from api import access
from api.audit import NOBODY, RULE, Recorder, record_of, recorded
from api.credentials import Caller, create_api_key
from tests.api.conftest import SECRET, Headers
from tests.api.test_access import routes_of
from tests.audit.audits import subject

WHO = "1" * 32
EVENT = {"event_id": "e" * 8, "decision_id": "d" * 32, "kind": "click"}
POST = {"id": "1", "platform": "generic", "author_id": "a", "author_name": "A", "text": "x", "created_at": "2026-11-24"}
CALLS: list[tuple[str, str, dict[str, Any] | None, str, tuple[str, ...]]] = [
    ("GET", "/api/v1/profiles/{known}", None, "profile.read", ("known",)),
    ("POST", "/api/v1/decisions", {"subject_id": "known"}, "decision.make", ("known",)),
    ("POST", "/api/v1/posts", {"platform": "generic", "payloads": [POST]}, "posts.take_in", ()),
    ("POST", "/api/v1/events", {"events": [EVENT]}, "events.take_in", ()),
]


def _entries(wiring: Wiring) -> list[Entry]:
    """Those of the service; the posts that are read were published by runs, with entries of their own."""
    entries = [line.entry for line in wiring.rights.audit_verifier.entries()]
    return [entry for entry in entries if entry.actor.startswith("api:")]


def _call(
    client: TestClient, headers: dict[str, str], method: str, path: str, body: dict[str, Any] | None, known: str
) -> Response:
    sent = {name: known if value == "known" else value for name, value in (body or {}).items()}
    return client.request(method, path.replace("{known}", known), json=sent or None, headers=headers)


@pytest.fixture
def known(published: Wiring) -> str:
    """Somebody whose profile is published, and who says yes to everything."""
    import polars as pl

    from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES

    profiles = published.lake.scan(CUSTOMER_PROFILES).filter(pl.col("mood").is_not_null()).collect()
    return str(profiles["subject_id"].sort()[0])


def test_every_route_that_is_not_public_declares_what_it_records(app: FastAPI) -> None:
    routes = [route for route in routes_of(app) if access.rule_of(route) != access.PUBLIC]
    rules = {f"{sorted(route.methods)} {route.path}": record_of(route) for route in routes}
    assert len(rules) >= 8
    assert None not in rules.values(), rules
    about_nobody = [path for path, rule in rules.items() if rule == NOBODY]
    assert not [path for path in about_nobody if "subject" in path or "people" in path or "consent" in path]


def test_every_route_with_a_recorder_uses_it_and_only_for_those_whom_the_scope_lets_in(app: FastAPI) -> None:
    for route in routes_of(app):
        if record_of(route) in (None, NOBODY):
            continue
        calls = [dependency.call for dependency in route.dependant.dependencies]
        scopes = [place for place, call in enumerate(calls) if hasattr(call, access.RULE)]
        recorders = [place for place, call in enumerate(calls) if hasattr(call, RULE)]
        assert scopes[0] < recorders[0], f"{route.path}: the recorder stands before the scope"
        name = route.dependant.dependencies[recorders[0]].name
        uses = re.findall(rf"\b{name}\b", inspect.getsource(route.endpoint))
        assert len(uses) > 1, f"{route.path}: its recorder is declared and never used"


def test_a_call_is_one_entry(known: str, published: Wiring, client: TestClient, headers: Headers) -> None:
    for method, path, body, action, people in CALLS:
        before = len(_entries(published))
        answer = _call(client, headers(), method, path, body, known)
        assert answer.status_code in (200, 202), answer.text
        [entry] = _entries(published)[before:]
        assert (entry.action, entry.actor) == (action, "api:acme/tester")
        assert entry.correlation_id == answer.headers["x-correlation-id"]
        assert entry.resource == f"{method} {path.removeprefix('/api/v1').replace('known', 'subject_id')}"
        assert entry.people.listed == tuple(published.rights.audit_keys.hash_of(known) for _ in people)


def test_a_decision_about_nobody_is_no_access(published: Wiring, client: TestClient, headers: Headers) -> None:
    assert client.post("/api/v1/decisions", json={}, headers=headers()).status_code == 200
    assert _entries(published) == []


def test_who_is_refused_has_accessed_nothing(wiring: Wiring, client: TestClient, headers: Headers) -> None:
    for given in ({}, headers("health:read")):
        assert client.get(f"/api/v1/profiles/{WHO}", headers=given).status_code in (401, 403)
    assert client.get("/api/v1/profiles/nobody", headers=headers()).status_code == 422
    assert not wiring.settings.audit_path.exists()


def test_an_api_key_is_an_actor_by_its_name(published: Wiring, client: TestClient, known: str) -> None:
    key = create_api_key(published.engine, SECRET, name="shop", tenant="acme", scopes=["profiles:read"])
    assert client.get(f"/api/v1/profiles/{known}", headers={"X-API-Key": key}).status_code == 200
    assert _entries(published)[-1].actor == "api:acme/shop"


def test_without_an_audit_log_nothing_personal_is_answered_and_health_is(
    known: str, published: Wiring, client: TestClient, headers: Headers
) -> None:
    folder = published.settings.audit_path
    published.audit.record(action="batch.accept", purpose="intake", actor="run:1", resource="raw_posts")
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a file stands where the folder should be")
    for method, path, body, _, _ in CALLS:
        answer = _call(client, headers(), method, path, body, known)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable"), path
    assert client.get("/health").status_code == 200
    assert client.get("/api/v1/health/detailed", headers=headers()).status_code == 200
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    assert client.get(f"/api/v1/profiles/{known}", headers=headers()).status_code == 200


def test_what_was_not_recorded_never_leaves(app: FastAPI, headers: Headers) -> None:
    """An endpoint that forgets its recorder answers nobody; the other two show that it is not the route's doing."""
    used = {"record": lambda audit: audit.record(subject(1)), "nobody": Recorder.nobody, "forget": lambda _: None}

    @app.get("/planted/{how}")
    def planted(
        how: str,
        caller: Annotated[Caller, access.scope("profiles:read")],
        audit: Annotated[Recorder, recorded("plant.read", "operation")],
    ) -> dict[str, str]:
        used[how](audit)
        return {"secret": "of a person"}

    with TestClient(app, raise_server_exceptions=False) as client:
        statuses = {how: client.get(f"/planted/{how}", headers=headers()).status_code for how in used}
        assert statuses == {"record": 200, "nobody": 200, "forget": 500}
        assert "of a person" not in client.get("/planted/forget", headers=headers()).text


FULL_DISK = """
import asyncio, resource, sys
import httpx
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging
from alphaads_pipelines.wiring.app import wired
from api.app import create_app

async def ask(wiring, path, headers):
    app = create_app(wiring)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        app.state.reader.refresh()
        first = await client.get("http://localhost" + path, headers=headers)
        chain = max(wiring.settings.audit_path.glob("*.jsonl"))
        for limit in (chain.stat().st_size, resource.RLIM_INFINITY):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            personal = await client.get("http://localhost" + path, headers=headers)
            health = await client.get("http://localhost/health")
            print(first.status_code, personal.status_code, health.status_code, flush=True)

configure_logging()
with wired(Settings()) as wiring:
    asyncio.run(ask(wiring, sys.argv[1], {"Authorization": sys.argv[2]}))
"""


def test_a_full_disk_stops_personal_reads_and_not_health(known: str, published: Wiring, headers: Headers) -> None:
    """In a process of its own that may make no file any longer: for root, too, the next entry does not fit."""
    command = [sys.executable, "-c", FULL_DISK, f"/api/v1/profiles/{known}", headers()["Authorization"]]
    environment = published.settings.process_environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["200 503 200", "200 200 200"], done.stderr[-2000:]
    published.audit.close()
    assert published.rights.audit_verifier.verify().problems == []

"""What all answers have in common: correlation id, version and age of the data, and nothing of the input."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alphaads_pipelines.runtime.in_process import run_until_idle
from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.streams.base import OffsetRange
from alphaads_pipelines.telemetry import REGISTRY, configure_logging
from alphaads_pipelines.wiring.app import Wiring
from api.access import public
from tests.api.conftest import Headers
from tests.publishing import publish_batches

CORRELATION = "0123456789abcdef0123456789abcdef"
SECRET_VALUE = "PlantedValue77"
POST: dict[str, Any] = {
    "id": "p1",
    "platform": "x",
    "author_id": "4242",
    "author_name": "Ada Ferncroft",
    "text": "I love this kettle, best tea ever!",
    "created_at": "2026-11-24T10:00:00Z",
}


def _records(wiring: Wiring, topic: str) -> list[dict[str, Any]]:
    ranges = [OffsetRange(topic, each, 0, end) for each, end in wiring.stream.end_offsets(topic).items()]
    return [orjson.loads(record.value) for chunk in wiring.stream.read(ranges) for record in chunk]


@contextmanager
def _logs() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the service really writes to its log inside the block."""
    written = io.StringIO()
    configure_logging(json=True)
    try:
        with redirect_stderr(written):
            yield lambda: [orjson.loads(line) for line in written.getvalue().splitlines()]
    finally:
        configure_logging(level="WARNING")


def _some_subject(wiring: Wiring) -> str:
    with reading(wiring.engine) as connection:
        return str(connection.execute(sa.select(sql_table("live_profiles").c.subject_id)).scalars().first())


REQUESTS = [
    ("GET", "/health", None, 200),
    ("GET", "/", None, 200),
    ("GET", "/nowhere", None, 404),
    ("DELETE", "/api/v1/posts", None, 405),
    ("GET", f"/api/v1/profiles/{'0' * 32}", None, 404),
    ("GET", "/api/v1/profiles/ada", None, 422),
    ("GET", "/api/v1/health/detailed", None, 200),
    ("POST", "/api/v1/decisions", b"{}", 200),
    ("POST", "/api/v1/decisions", b"{", 422),
    ("POST", "/api/v1/posts", b'{"platform": "generic", "payloads": [{}]}', 202),
    ("POST", "/api/v1/posts", b"x" * 6_000_000, 413),
    ("POST", "/api/v1/events", b'{"events": []}', 422),
]


@pytest.mark.usefixtures("published")
def test_the_correlation_id_goes_in_and_out(client: TestClient, headers: Headers) -> None:
    given = {**headers(), "X-Correlation-ID": CORRELATION, "Content-Type": "application/json"}
    for method, path, body, status in REQUESTS:
        answer = client.request(method, path, content=body, headers=given)
        assert (path, answer.status_code) == (path, status)
        assert answer.headers.get_list("x-correlation-id") == [CORRELATION], path
        assert answer.headers["x-content-type-options"] == "nosniff"
        if status >= 400:
            assert answer.json()["error"]["correlation_id"] == CORRELATION


def test_the_correlation_id_reaches_log_stream_and_lake(client: TestClient, wiring: Wiring, headers: Headers) -> None:
    given = {**headers(), "X-Correlation-ID": CORRELATION}
    with _logs() as logs:
        client.post("/api/v1/posts", json={"platform": "generic", "payloads": [POST]}, headers=given)
    assert [log["correlation_id"] for log in logs() if log["event"] == "posts taken in"] == [CORRELATION]
    publish_batches(wiring)
    assert wiring.lake.scan(RAW_POSTS).collect()["correlation_id"].to_list() == [CORRELATION]
    event = {"event_id": "e" * 12, "decision_id": "a" * 32, "kind": "click"}
    client.post("/api/v1/events", json={"events": [event]}, headers=given)
    [record] = _records(wiring, "ads.events")
    assert (record["correlation_id"], record["tenant"]) == (CORRELATION, "acme")


def test_a_decision_is_found_by_its_correlation_id(published: Wiring, app: FastAPI, headers: Headers) -> None:
    with TestClient(app) as client:
        app.state.reader.refresh()
        given = {**headers(), "X-Correlation-ID": CORRELATION}
        answer = client.post("/api/v1/decisions", json={}, headers=given).json()
    [record] = _records(published, "ads.decisions")
    assert record == answer, "what was answered is what was recorded"
    assert record["correlation_id"] == CORRELATION


def test_served_data_names_its_version_and_age(published: Wiring, client: TestClient, headers: Headers) -> None:
    profile = client.get(f"/api/v1/profiles/{_some_subject(published)}", headers=headers()).json()
    decision = client.post("/api/v1/decisions", json={}, headers=headers()).json()
    health = client.get("/api/v1/health/detailed", headers=headers()).json()
    for answer in (profile, decision, health):
        assert re.fullmatch(r"p1\.c[1-9]\d*\.b\d+\.\d+", answer["version"])
        assert 0 <= answer["data_age_s"] < 60


@pytest.fixture
def broken(app: FastAPI) -> Iterator[TestClient]:
    """A service with a route that has a bug."""

    @public
    def stumble() -> None:
        raise ValueError(f"cannot read {SECRET_VALUE}")

    app.add_api_route("/stumble", stumble)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_bug_is_answered_like_any_error_and_tells_nothing(broken: TestClient) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("alphaads_api_requests_total", {"route": "/stumble", "status": "500"}) or 0.0

    before = count()
    with _logs() as logs:
        answer = broken.get("/stumble", headers={"X-Correlation-ID": CORRELATION})
    assert answer.status_code == 500
    assert answer.headers["x-correlation-id"] == CORRELATION
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.json()["error"]["correlation_id"] == CORRELATION
    [log] = [each for each in logs() if each["event"] == "unexpected error"]
    assert (log["error"], log["correlation_id"]) == ("ValueError", CORRELATION)
    assert any(place.startswith("test_answers.py:") for place in log["places"])
    assert SECRET_VALUE not in answer.text + str(logs())
    assert count() == before + 1


WRONG = [
    ("/api/v1/decisions", {SECRET_VALUE: 1}),
    ("/api/v1/decisions", {"subject_id": SECRET_VALUE}),
    ("/api/v1/decisions", {"placement": SECRET_VALUE}),
    ("/api/v1/decisions", [SECRET_VALUE]),
    ("/api/v1/posts", {"platform": SECRET_VALUE, "payloads": [{}]}),
    ("/api/v1/posts", {"platform": "generic", "payloads": [SECRET_VALUE]}),
    ("/api/v1/posts", {"platform": "generic", "payloads": [{}], SECRET_VALUE: 1}),
    ("/api/v1/events", {"events": [{SECRET_VALUE: 1, "kind": SECRET_VALUE}]}),
    ("/api/v1/events", {"events": [{"event_id": SECRET_VALUE + " ", "decision_id": SECRET_VALUE, "kind": "click"}]}),
]


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_an_error_says_where_and_never_what(client: TestClient, headers: Headers, path: str, body: Any) -> None:
    with _logs() as logs:
        answer = client.post(path, json=body, headers=headers())
    assert answer.status_code == 422
    assert SECRET_VALUE not in answer.text + str(answer.headers) + str(logs())


def test_paths_and_queries_are_not_echoed_either(client: TestClient, headers: Headers) -> None:
    for path in (f"/{SECRET_VALUE}", f"/api/v1/profiles/{SECRET_VALUE}", f"/health?q={SECRET_VALUE}"):
        assert SECRET_VALUE not in client.get(path, headers=headers()).text


def test_an_unknown_field_is_named_by_its_place(client: TestClient, headers: Headers) -> None:
    answer = client.post("/api/v1/decisions", json={"placement": 5, "colour": "red"}, headers=headers())
    assert answer.json()["error"]["message"] == "wrong, missing or unknown: body, body.placement"


def test_a_large_body_without_a_length_is_refused(client: TestClient, headers: Headers) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(6):
            yield b" " * 1_000_000

    assert client.post("/api/v1/posts", content=chunks(), headers=headers()).status_code == 413


@pytest.mark.parametrize("depth", [50, 300, 5_000, 100_000])
def test_deep_bodies_are_taken_or_refused_and_break_nothing(
    client: TestClient, wiring: Wiring, headers: Headers, depth: int
) -> None:
    payload = b'{"id": "1", "more": ' + b'{"a":[' * depth + b"]}" * depth + b"}"
    body = b'{"platform": "generic", "payloads": [' + payload + b"]}"
    answer = client.post("/api/v1/posts", content=body, headers=headers())
    assert answer.status_code in (202, 400, 422)
    publish_batches(wiring)
    assert wiring.ledger.backlog(wiring.stream.end_offsets("posts.raw")) == 0


def test_a_decision_that_cannot_be_recorded_is_not_answered(
    published: Wiring, client: TestClient, headers: Headers
) -> None:
    spool: Path = published.settings.spool_path
    assert not spool.exists()
    spool.write_text("a file where the folder should be")
    answer = client.post("/api/v1/decisions", json={}, headers=headers())
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_unavailable"
    assert "decision_id" not in answer.text
    spool.unlink()
    assert client.post("/api/v1/decisions", json={}, headers=headers()).status_code == 200


def test_a_post_is_seen_in_its_profile_after_a_batch(
    client: TestClient, app: FastAPI, wiring: Wiring, headers: Headers
) -> None:
    post = {**POST, "created_at": datetime.now(UTC).isoformat()}  # moods fade
    taken = client.post("/api/v1/posts", json={"platform": "generic", "payloads": [post]}, headers=headers())
    assert taken.json()["produced"] == 1
    subject = wiring.subject_keys.find(wiring.pseudonyms.identity("x", "4242"))
    path = f"/api/v1/profiles/{subject}"
    assert client.get(path, headers=headers()).status_code == 503, "nothing is published yet"
    assert run_until_idle(wiring).accepted == 1
    wiring.ledger.note_idle(wiring.stream.end_offsets("posts.raw"), datetime.now(UTC))
    app.state.reader.refresh()
    answer = client.get(path, headers=headers())
    assert answer.status_code == 200
    profile = answer.json()["profile"]
    assert (profile["posts"], profile["mood"], profile["language"]) == (1, "joy", "en")
    assert profile["journey"][0]["emotions"] == {"joy": 1}
    assert "Ferncroft" not in answer.text
    assert POST["text"] not in answer.text


def test_an_erased_person_has_no_profile(published: Wiring, client: TestClient, app: FastAPI, headers: Headers) -> None:
    subject, live = _some_subject(published), sql_table("live_profiles")
    path = f"/api/v1/profiles/{subject}"
    assert client.get(path, headers=headers()).status_code == 200
    with transaction(published.engine) as connection:
        connection.execute(live.delete().where(live.c.subject_id == subject))
    published.subject_keys.destroy(subject)
    app.state.reader.refresh()
    assert client.get(path, headers=headers()).status_code == 404
    decision = client.post("/api/v1/decisions", json={"subject_id": subject}, headers=headers()).json()
    assert decision["personalised"] is False

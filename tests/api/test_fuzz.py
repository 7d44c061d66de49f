"""Whatever JSON comes, the service answers as documented and never with a 5xx; what it took in can be worked on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.pipeline.advertising import learn_policy
from alphaads_pipelines.wiring import Wiring
from tests.api.conftest import Headers
from tests.api.schemas import anything, body_of, spoiled
from tests.publishing import publish_batches

BODIES = {"/api/v1/posts": 202, "/api/v1/decisions": 200, "/api/v1/events": 202}
Send = Callable[[str, bytes], int]
fuzzed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def send(published: Wiring, client: TestClient, headers: Headers) -> Send:
    """Post bytes as JSON; the status, having looked at what any answer must keep to."""
    given_headers = {**headers(), "Content-Type": "application/json"}

    def post(path: str, body: bytes) -> int:
        answer = client.post(path, content=body, headers=given_headers)
        assert answer.status_code < 500, (path, body[:500], answer.text)
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"code", "message", "correlation_id"}
        return answer.status_code

    return post


def _bytes(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("path", BODIES)
@fuzzed
@given(data=st.data())
def test_allowed_bodies_are_taken(send: Send, client: TestClient, path: str, data: st.DataObject) -> None:
    body = data.draw(body_of(client.get("/api/openapi.json").json(), path))
    if path == "/api/v1/posts":
        body["platform"] = data.draw(st.sampled_from(("generic", "x")))
    assert send(path, _bytes(body)) == BODIES[path], body


@pytest.mark.parametrize("path", BODIES)
@fuzzed
@given(data=st.data())
def test_spoiled_bodies_are_taken_or_refused(send: Send, client: TestClient, path: str, data: st.DataObject) -> None:
    body = data.draw(spoiled(body_of(client.get("/api/openapi.json").json(), path)))
    assert send(path, _bytes(body)) in (BODIES[path], 422)


@pytest.mark.parametrize("path", BODIES)
@fuzzed
@given(body=st.binary(max_size=64))
@example(b"1" * 10_000)
@example(b'{"placement": "\\ud800"}')
@example(b'{"a": 1e999, "a": NaN}')
def test_any_bytes_are_taken_or_refused(send: Send, path: str, body: bytes) -> None:
    assert send(path, body) in (BODIES[path], 400, 422)


@given(payloads=st.lists(st.dictionaries(st.text(max_size=8), anything, max_size=5), min_size=1, max_size=5))
@settings(parent=fuzzed, max_examples=15)
@example([{"id": "\ud800", "text": "\udfff", "n": 2**70, "f": float("inf")}])
def test_any_payload_becomes_a_post_a_reject_or_a_duplicate(
    send: Send, published: Wiring, payloads: list[dict[str, Any]]
) -> None:
    for platform in ("generic", "x"):
        assert send("/api/v1/posts", _bytes({"platform": platform, "payloads": payloads})) == 202
    publish_batches(published)
    [batch] = published.ledger.batches(limit=1)
    assert batch.counts is not None
    assert batch.counts.read == batch.counts.accepted + batch.counts.rejected + batch.counts.duplicates
    assert published.ledger.backlog(published.stream.end_offsets("posts.raw")) == 0


EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T00:00:00Z", 0, 1e11, "1700000000"]


@pytest.mark.parametrize("occurred_at", EDGES)
def test_events_of_any_time_can_be_learned_from(send: Send, published: Wiring, occurred_at: object) -> None:
    event = {"event_id": "e" * 12, "decision_id": "a" * 32, "kind": "click", "occurred_at": occurred_at}
    assert send("/api/v1/events", _bytes({"events": [event]})) == 202
    topics = {"decisions_topic": "ads.decisions", "events_topic": "ads.events"}
    now = datetime.now(UTC)
    for later in (now, now + timedelta(days=2)):
        learned = learn_policy(published.stream, published.lake, published.engine, **topics, now=later)
        assert learned.malformed == 0

"""Whatever JSON comes, the service answers as documented and never with a 5xx; what it took in can be worked on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.pipeline.learning import Teaching, learn_policies
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.streams.topics import Topics
from alphaads_pipelines.wiring.app import Wiring, wired
from api.app import create_app
from api.credentials import SCOPES, issue_token
from tests.api.conftest import SECRET
from tests.api.schemas import anything, body_of, spoiled
from tests.publishing import publish_batches, publish_everything

BODIES = {"/api/v1/posts": 202, "/api/v1/decisions": 200, "/api/v1/events": 202}
fuzzed = settings(max_examples=25)


@dataclass
class Service:
    """A running service, and the installation under it; one for all tests here."""

    wiring: Wiring
    client: TestClient

    @cached_property
    def document(self) -> Any:
        return self.client.get("/api/openapi.json").json()

    def send(self, path: str, body: bytes) -> int:
        """The status of an answer, having looked at what any answer must keep to."""
        answer = self.client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (path, body[:500], answer.text)
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"code", "message", "correlation_id"}
        return answer.status_code


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("fuzz") / "home"
    token = issue_token(SECRET, subject="tester", tenant="acme", scopes=SCOPES)
    with wired(Settings(_env_file=None, environment="test", alphaads_home=home, secret_key=SECRET)) as wiring:
        publish_everything(wiring)
        app = create_app(wiring)
        with TestClient(app, raise_server_exceptions=False) as client:
            client.headers["Authorization"] = f"Bearer {token}"
            app.state.reader.refresh()
            yield Service(wiring, client)


def _bytes(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("path", BODIES)
@fuzzed
@given(data=st.data())
def test_allowed_bodies_are_taken(service: Service, path: str, data: st.DataObject) -> None:
    body = data.draw(body_of(service.document, path))
    if path == "/api/v1/posts":
        body["platform"] = data.draw(st.sampled_from(("generic", "x")))
    assert service.send(path, _bytes(body)) == BODIES[path], body


@pytest.mark.parametrize("path", BODIES)
@fuzzed
@given(data=st.data())
def test_spoiled_bodies_are_taken_or_refused(service: Service, path: str, data: st.DataObject) -> None:
    body = data.draw(spoiled(body_of(service.document, path)))
    assert service.send(path, _bytes(body)) in (BODIES[path], 422)


@pytest.mark.parametrize("path", BODIES)
@fuzzed
@given(body=st.binary(max_size=64))
@example(b"1" * 10_000)
@example(b'{"placement": "\\ud800"}')
@example(b'{"a": 1e999, "a": NaN}')
def test_any_bytes_are_taken_or_refused(service: Service, path: str, body: bytes) -> None:
    assert service.send(path, body) in (BODIES[path], 400, 422)


@given(payloads=st.lists(st.dictionaries(st.text(max_size=8), anything, max_size=5), min_size=1, max_size=5))
@settings(parent=fuzzed, max_examples=15)
@example([{"id": "\ud800", "text": "\udfff", "n": 2**70, "f": float("inf")}])
def test_any_payload_becomes_a_post_a_reject_or_a_duplicate(service: Service, payloads: list[dict[str, Any]]) -> None:
    for platform in ("generic", "x"):
        assert service.send("/api/v1/posts", _bytes({"platform": platform, "payloads": payloads})) == 202
    publish_batches(service.wiring)
    [batch] = service.wiring.ledger.batches(limit=1)
    assert batch.counts is not None
    assert batch.counts.read == batch.counts.accepted + batch.counts.rejected + batch.counts.duplicates
    assert service.wiring.ledger.backlog(service.wiring.stream.end_offsets("posts.raw")) == 0


EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T00:00:00Z", 0, 1e11, "1700000000"]


@pytest.mark.parametrize("occurred_at", EDGES)
def test_events_of_any_time_can_be_learned_from(service: Service, occurred_at: object) -> None:
    event = {"event_id": "e" * 12, "decision_id": "a" * 32, "kind": "click", "occurred_at": occurred_at}
    assert service.send("/api/v1/events", _bytes({"events": [event]})) == 202
    topics = {"topics": Topics("posts.raw", "ads.decisions", "ads.events")}
    now = datetime.now(UTC)
    for later in (now, now + timedelta(days=2)):
        learned = learn_policies(service.wiring.stream, service.wiring.engine, Teaching(), **topics, now=later)
        assert learned.left_out == 0

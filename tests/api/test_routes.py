"""What the service answers, right and wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from alphaads_pipelines.pipeline.engagement import update_engagement
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.streams.topics import Topics
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts
from tests.api.conftest import Headers


def _some_subject(wiring: Wiring) -> str:
    with reading(wiring.engine) as connection:
        return str(connection.execute(sa.select(sql_table("live_profiles").c.subject_id)).scalars().first())


def test_home_and_health_are_public(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    page = client.get("/")
    assert page.status_code == 200
    assert "Alpha Creators Ads" in page.text
    assert "http" not in page.text.replace("http-equiv", ""), "the page loads nothing from elsewhere"


def test_documentation_is_served_without_other_hosts(client: TestClient) -> None:
    for path in ("/api/docs", "/api/redoc"):
        page = client.get(path)
        assert page.status_code == 200
        assert "://" not in page.text
    assert client.get("/api/docs/assets/swagger-ui-bundle.js").status_code == 200
    assert client.get("/api/docs/assets/secret.js").status_code == 422
    assert "/api/v1/decisions" in client.get("/api/openapi.json").json()["paths"]


def test_posts_reach_the_stream(client: TestClient, wiring: Wiring, headers: Headers) -> None:
    payloads = list(synthetic_posts(20, seed=9))
    before = sum(wiring.stream.end_offsets("posts.raw").values())
    answer = client.post("/api/v1/posts", json={"platform": "generic", "payloads": payloads}, headers=headers())
    assert answer.status_code == 202
    taken = answer.json()
    assert taken["read"] == 20
    assert sum(wiring.stream.end_offsets("posts.raw").values()) - before == taken["produced"] >= 20
    assert answer.headers["x-correlation-id"] == taken["correlation_id"]


def test_unknown_platform_is_refused(client: TestClient, headers: Headers) -> None:
    answer = client.post("/api/v1/posts", json={"platform": "myspace", "payloads": [{}]}, headers=headers())
    assert answer.status_code == 422
    assert "myspace" not in answer.text


def test_profile_carries_version_and_age(published: Wiring, client: TestClient, headers: Headers) -> None:
    subject = _some_subject(published)
    answer = client.get(f"/api/v1/profiles/{subject}", headers=headers())
    assert answer.status_code == 200
    body = answer.json()
    assert body["subject_id"] == subject
    assert body["profile"]["posts"] >= 1
    assert body["version"].startswith("p")
    assert 0 <= body["data_age_s"] < 60


def test_a_profile_shows_how_its_person_answers_to_ads(published: Wiring, client: TestClient, headers: Headers) -> None:
    subject, now = _some_subject(published), datetime.now(UTC)
    decision = {"decision_id": "d" * 32, "subject_id": subject, "decided_at": now.isoformat()}
    published.stream.produce(published.settings.decisions_topic, [Record(0, orjson.dumps(decision))])
    event = {"event_id": "e" * 12, "decision_id": "d" * 32, "kind": "click"}
    assert client.post("/api/v1/events", json={"events": [event]}, headers=headers()).status_code == 202
    topics = {"topics": Topics("posts.raw", "ads.decisions", "ads.events")}
    update_engagement(published.stream, published.engine, **topics, now=now, note=lambda _: None)
    shown = client.get(f"/api/v1/profiles/{subject}", headers=headers()).json()["engagement"]
    assert (shown["impressions"], shown["clicks"], shown["conversions"], shown["ctr_ratio"]) == (1, 1, 0, 1.0)


def test_unknown_profile_is_404(published: Wiring, client: TestClient, headers: Headers) -> None:
    assert client.get(f"/api/v1/profiles/{'0' * 32}", headers=headers()).status_code == 404


def test_decision_is_recorded_before_it_is_answered(published: Wiring, client: TestClient, headers: Headers) -> None:
    subject = _some_subject(published)
    answer = client.post("/api/v1/decisions", json={"subject_id": subject}, headers=headers())
    assert answer.status_code == 200
    decision = answer.json()
    assert decision["tenant"] == "acme", "the tenant comes from the token"
    assert 0 < decision["propensity"] <= 1
    assert decision["arm_id"] in decision["eligible"]
    assert decision["creative"]["moderation"] == "approved"
    recorded = b"".join(path.read_bytes() for path in published.settings.spool_path.glob("*.spool"))
    stream = [
        record.value
        for chunk in published.stream.read(_whole(published, published.settings.decisions_topic))
        for record in chunk
    ]
    assert decision["decision_id"].encode() in recorded + b"".join(stream)


def _whole(wiring: Wiring, topic: str) -> list[object]:
    from alphaads_pipelines.streams.base import OffsetRange

    return [OffsetRange(topic, partition, 0, end) for partition, end in wiring.stream.end_offsets(topic).items()]


def test_nothing_published_is_503_with_the_reason(client: TestClient, headers: Headers) -> None:
    answer = client.post("/api/v1/decisions", json={}, headers=headers())
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "stale_data"
    assert "Retry-After" in answer.headers


def test_too_old_is_503(published: Wiring, client: TestClient, headers: Headers) -> None:
    published.settings.max_data_age_s = 1e-9
    answer = client.get(f"/api/v1/profiles/{_some_subject(published)}", headers=headers())
    assert answer.status_code == 503
    assert "old" in answer.json()["error"]["message"]


def test_events_reach_the_stream(client: TestClient, wiring: Wiring, headers: Headers) -> None:
    event = {"event_id": "e" * 12, "decision_id": "a" * 32, "kind": "click"}
    assert client.post("/api/v1/events", json={"events": [event]}, headers=headers()).status_code == 202
    assert sum(wiring.stream.end_offsets("ads.events").values()) == 1


def test_detailed_health_names_what_is_wrong(client: TestClient, headers: Headers) -> None:
    answer = client.get("/api/v1/health/detailed", headers=headers())
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert parts["relational"]["ok"]
    assert parts["stream"]["ok"]
    assert not parts["data"]["ok"]


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"subject_id": "SECRET-VALUE"}', b'{"placement": 5}', b'{"unknown": "SECRET-VALUE"}', b"[]", b"\xff"],
)
def test_wrong_input_is_refused_and_never_echoed(client: TestClient, headers: Headers, body: bytes) -> None:
    given = {**headers(), "Content-Type": "application/json"}
    answer = client.post("/api/v1/decisions", content=body, headers=given)
    assert answer.status_code in (400, 422)
    assert "SECRET-VALUE" not in answer.text
    assert set(answer.json()["error"]) == {"code", "message", "correlation_id"}


def test_a_large_body_is_refused(client: TestClient, headers: Headers) -> None:
    answer = client.post("/api/v1/posts", content=b"x" * (6 * 1024 * 1024), headers=headers())
    assert answer.status_code == 413


def test_security_headers(client: TestClient) -> None:
    given = client.get("/health").headers
    assert given["x-content-type-options"] == "nosniff"
    assert given["cache-control"] == "no-store"
    assert given["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in given["content-security-policy"]


def test_a_strange_host_is_refused(client: TestClient) -> None:
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400


def test_correlation_id_is_taken_over_only_if_well_formed(client: TestClient) -> None:
    given = "0123456789abcdef0123456789abcdef"
    assert client.get("/health", headers={"X-Correlation-ID": given}).headers["x-correlation-id"] == given
    odd = client.get("/health", headers={"X-Correlation-ID": "<script>"}).headers["x-correlation-id"]
    assert len(odd) == 32

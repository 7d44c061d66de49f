"""Journeys through the API: as JSON, and as a page that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alphaads_pipelines.nlp.gazetteer import TrackedName
from alphaads_pipelines.nlp.tracked_names import save_names
from alphaads_pipelines.profiles.segments import DOCUMENT, FEATURES, Segment, no_segments, segment_of, to_document
from alphaads_pipelines.profiles.state import encode
from alphaads_pipelines.stores.sql.documents import publish_document
from alphaads_pipelines.stores.sql.relational import insert_ignore, sql_table, transaction
from alphaads_pipelines.stores.subjects.rectifications import rectify
from alphaads_pipelines.wiring.app import Wiring
from tests.api.conftest import Headers
from tests.profiles.states import NOON_HOUR, counts, state_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NOON = datetime.fromtimestamp(NOON_HOUR * 3600, UTC)
TURNED = state_of(
    {hour: counts(400, joy=2, neutral=1) for hour in range(-120, 0, 10)}
    | {hour: counts(-600, anger=2, neutral=1) for hour in range(0, 120, 10)},
    {"lumora": {-20: 3, -10: 3, 0: 3}, "n_4q7xk2m5r6t3v1za": {-20: 2, -10: 3, 0: 3}},
)


SUBJECT = "5" * 32
PATHS = ("", "/page")


@pytest.fixture
def subject(wiring: Wiring, app: FastAPI, client: TestClient) -> str:
    """Somebody who was joyful until noon and is angry since, published without a batch."""
    now, _ = datetime.now(UTC), wiring.master_keys  # the keys are made before there is any data
    known = {"identity_mac": b"mac", "subject_id": SUBJECT, "platform": "x", "shard": 0}
    live = {"subject_id": SUBJECT, "shard": 0, "publish_seq": 1, "state": encode(TURNED)}
    pointer = {"shard": 0, "publish_seq": 1, "versions": {}, "published_at": now}
    with transaction(wiring.engine) as connection:
        insert_ignore(connection, "subjects", [known])
        insert_ignore(connection, "live_profiles", [live])
        insert_ignore(connection, "published", [pointer])
    ends = dict.fromkeys(range(wiring.settings.stream_partitions), 0)
    wiring.ledger.plan(ends, now)
    wiring.ledger.note_idle(ends, now)
    app.state.reader.refresh()
    return SUBJECT


def _get(client: TestClient, headers: Headers, subject: str, path: str = "", **query: str) -> httpx.Response:
    return client.get(f"/api/v1/profiles/{subject}/journey{path}", params=query, headers=headers("profiles:read"))


def _statuses(client: TestClient, headers: Headers, subject: str, **query: str) -> set[int]:
    return {_get(client, headers, subject, path, **query).status_code for path in PATHS}


def _journey(client: TestClient, headers: Headers, subject: str, **query: str) -> dict[str, Any]:
    answer = _get(client, headers, subject, **query)
    assert answer.status_code == 200
    journey: dict[str, Any] = answer.json()["journey"]
    return journey


def test_the_journey_is_answered(client: TestClient, headers: Headers, subject: str) -> None:
    answer = _get(client, headers, subject, as_of="2027-01-01T00:00:00Z").json()
    assert (answer["subject_id"], answer["subjects"], answer["segment"]) == (subject, [subject], None)
    assert answer["version"].startswith("p1.")
    journey = answer["journey"]
    assert [each["emotion"] for each in journey["episodes"]] == ["joy", "anger"]
    [change] = journey["changes"]
    assert datetime.fromisoformat(change["changed_at"]) == NOON
    assert {each["topic"] for each in change["preceded_by"]} == {"lumora", "n_4q7xk2m5r6t3v1za"}
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in journey["transitions"])
    assert journey["volatility"] > 0


def test_the_journey_as_of_an_earlier_time_knows_nothing_later(
    client: TestClient, headers: Headers, subject: str
) -> None:
    before = _journey(client, headers, subject, as_of=(NOON - timedelta(hours=1)).isoformat())
    assert (before["posts"], before["changes"]) == (36, [])
    assert [each["emotion"] for each in before["episodes"]] == ["joy"]
    assert _journey(client, headers, subject, as_of="1999-01-01T00:00:00Z")["hours"] == []


def test_a_time_without_its_offset_is_refused(client: TestClient, headers: Headers, subject: str) -> None:
    for as_of in ("yesterday", "2026-11-24T12:00:00", ""):
        assert _statuses(client, headers, subject, as_of=as_of) == {422}


def test_the_ends_of_time_are_times_too(client: TestClient, headers: Headers, subject: str) -> None:
    for as_of in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        assert _statuses(client, headers, subject, as_of=as_of) == {200}


def test_the_page_shows_the_journey_and_loads_nothing(
    client: TestClient, headers: Headers, subject: str, wiring: Wiring
) -> None:
    tracked = TrackedName("lumora", "Lumora's Kettle", "brand", "ORG", (), (), False)
    save_names(wiring.engine, [tracked], NOW, tenant="acme")
    answer = _get(client, headers, subject, "/page", as_of="2027-01-01T00:00:00Z")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "img-src data:" in answer.headers["content-security-policy"]
    assert "script" not in answer.text
    [picture] = re.findall(r'src="data:image/png;base64,([^"]+)"', answer.text)
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|://""", answer.text.replace(picture, ""))
    assert "Lumora&#39;s Kettle (9 posts, 0.0 expected)" in answer.text
    assert "a name that is not tracked (8 posts" in answer.text
    assert "n_4q7xk2m5r6t3v1za" not in answer.text


def test_another_tenants_names_are_not_shown(
    client: TestClient, headers: Headers, subject: str, wiring: Wiring
) -> None:
    tracked = TrackedName("lumora", "Lumora Kettle", "brand", "ORG", (), (), False)
    save_names(wiring.engine, [tracked], NOW, tenant="others")
    assert "Lumora" not in _get(client, headers, subject, "/page", as_of="2027-01-01T00:00:00Z").text


def test_profile_journey_and_page_tell_the_segment(
    client: TestClient, headers: Headers, subject: str, wiring: Wiring
) -> None:
    segments = [Segment("s1", [2.0] * len(FEATURES)), Segment("s2", [0.1 * place for place in range(len(FEATURES))])]
    fitted = msgspec.structs.replace(no_segments(), segments=segments)
    publish_document(wiring.engine, DOCUMENT, to_document(fitted), NOW)
    segment = _get(client, headers, subject).json()["segment"]
    assert segment["segment_id"] == segment_of(TURNED, fitted) == "s2"
    assert [each["feature"] for each in segment["traits"]] == list(FEATURES[:-4:-1])
    assert client.get(f"/api/v1/profiles/{subject}", headers=headers()).json()["segment"] == segment
    assert re.search(r"<dt>Segment</dt><dd>s2</dd>", _get(client, headers, subject, "/page").text)


@pytest.mark.parametrize(("said", "shown"), [("fear", "fear"), (None, "–")])
def test_what_the_person_says_stands_above_what_was_inferred(
    client: TestClient, headers: Headers, subject: str, wiring: Wiring, said: str | None, shown: str
) -> None:
    rectify(wiring.engine, subject, "mood", said, NOW)
    assert _get(client, headers, subject).json()["rectified"] == {"mood": said}
    [told] = re.findall(r"<dt>Mood, as they say</dt><dd>(.*?)</dd>", _get(client, headers, subject, "/page").text)
    assert told.endswith(shown)


def test_a_restricted_journey_is_409_and_an_unknown_one_404(
    client: TestClient, headers: Headers, subject: str, wiring: Wiring
) -> None:
    assert _statuses(client, headers, "0" * 32) == {404}
    with transaction(wiring.engine) as connection:
        restricted = {"subject_id": subject, "reason": "accuracy", "restricted_at": NOW}
        insert_ignore(connection, "restrictions", [restricted])
    assert _statuses(client, headers, subject) == {409}


def test_an_erased_journey_is_410(client: TestClient, headers: Headers, subject: str, wiring: Wiring) -> None:
    subjects = sql_table("subjects")
    mac = wiring.pseudonyms.suppressed_subject(subject)
    with transaction(wiring.engine) as connection:
        insert_ignore(connection, "suppressions", [{"mac": mac, "kind": "subject", "suppressed_at": NOW}])
        connection.execute(subjects.delete().where(subjects.c.subject_id == subject))
    assert _statuses(client, headers, subject) == {410}


def test_a_journey_that_cannot_be_recorded_is_not_shown(
    client: TestClient, headers: Headers, subject: str, wiring: Wiring
) -> None:
    folder = wiring.settings.audit_path
    assert not folder.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"this is no folder")
    for answer in (_get(client, headers, subject, path) for path in PATHS):
        assert answer.status_code == 503
        assert "joy" not in answer.text


def test_a_journey_needs_the_scope_of_profiles(client: TestClient, headers: Headers) -> None:
    for place in (f"/api/v1/profiles/{SUBJECT}/journey{path}" for path in PATHS):
        assert client.get(place).status_code == 401
        assert client.get(place, headers=headers("posts:write")).status_code == 403

"""Why this ad: everything in the answer is what was stored, and only those may ask who made the decision."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alphaads_pipelines.campaigns.sample_campaigns import seed_samples
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.decisions.explain.explanation import MOST_POSTS
from alphaads_pipelines.decisions.spool import forward
from alphaads_pipelines.pipeline.ad_creatives import refresh_creatives
from alphaads_pipelines.pipeline.learning import Teaching, learn_policies
from alphaads_pipelines.profiles.mood import HALF_LIFE_HOURS
from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.stores.sql.relational import insert_ignore, sql_table, transaction
from alphaads_pipelines.stores.subjects.consents import record_consent
from alphaads_pipelines.stores.subjects.permissions import link
from alphaads_pipelines.streams.topics import Topics
from alphaads_pipelines.wiring.app import Wiring
from api.credentials import issue_token
from tests.api.conftest import SECRET, Headers
from tests.api.test_audit import _entries
from tests.decisions.recorded import Made, advertise, mood_at, now, record, subject_of, taken_in

PATHS = ("", "/page")


@pytest.fixture
def at(wiring: Wiring) -> datetime:
    """When decisions are made: after posts were taken in and published, and there is something to advertise."""
    before = now()
    taken_in(wiring, before)
    advertise(wiring, before)
    return now()


@pytest.fixture
def ada(wiring: Wiring, at: datetime) -> str:
    """Who wrote most."""
    return subject_of(wiring, "a0")


def _get(client: TestClient, headers: Headers, made: Made | str, path: str = "") -> Any:
    decision_id = made if isinstance(made, str) else made.decision_id
    return client.get(f"/api/v1/decisions/{decision_id}/why{path}", headers=headers("decisions:read"))


def _why(client: TestClient, headers: Headers, made: Made) -> dict[str, Any]:
    answer = _get(client, headers, made)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_decision_leads_back_to_policy_text_campaign_and_posts(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    made = record(wiring, 7, at, ada, impression_at=at + timedelta(seconds=2))
    why = _why(client, headers, made)
    assert (why["decision_id"], why["placement"], why["snapshot"]) == (made.decision_id, "feed", "p1.c1.b1")
    assert why["context"] == made.row["context"]
    policy = why["policy"]
    assert (policy["name"], policy["version"], policy["role"], policy["problem"]) == ("thompson", 1, "serving", "")
    assert (policy["is_same_arm"], policy["is_same_propensity"]) == (True, True)
    assert {each["creative_id"] for each in why["eligible"]} == set(made.row["eligible"])
    assert sum(each["probability"] for each in why["eligible"]) == pytest.approx(1)
    [drawn] = [each for each in why["eligible"] if each["is_chosen"]]
    assert (drawn["creative_id"], drawn["probability"]) == (made.row["arm_id"], made.row["propensity"])
    assert why["creative"]["headline"] == f"Kettle {made.row['arm_id']}"
    assert (why["creative"]["generator"], why["creative"]["state"]) == ("templates-3", "approved")
    assert (why["campaign"]["name"], why["campaign"]["unsafe_moods"]) == ("Kettles in autumn", ["sadness"])
    assert why["person"]["mood"] == why["person"]["mood_again"] == mood_at(wiring, [ada], at)
    assert why["summary"][0].endswith("of the campaign “Kettles in autumn” was chosen for the placement “feed”.")
    assert "Computed again from the record, the draw gives the same ad with the same probability." in why["summary"]


def test_a_decision_of_the_service_is_explained_once_the_learner_has_read_it(
    wiring: Wiring, app: FastAPI, client: TestClient, headers: Headers
) -> None:
    at = now()
    taken_in(wiring, at)
    ada = subject_of(wiring, "a0")
    seed_samples(wiring.engine, at)
    refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), (), at)
    record_consent(wiring.engine, ada, "personalised_ads", granted=True, source="cli", evidence="t", now=at)
    wiring.ledger.note_idle(wiring.stream.end_offsets(wiring.topics.posts), now())
    app.state.reader.refresh()
    token = issue_token(SECRET, subject="shop", tenant="newcomer", scopes=["decisions:write", "decisions:read"])
    given = {"Authorization": f"Bearer {token}"}
    made = client.post("/api/v1/decisions", json={"subject_id": ada}, headers=given).json()
    place = f"/api/v1/decisions/{made['decision_id']}/why"
    assert client.get(place, headers=given).status_code == 404
    event = {"event_id": "e" * 12, "decision_id": made["decision_id"], "kind": "impression"}
    client.post("/api/v1/events", json={"events": [event]}, headers=headers())
    topics = {"topics": Topics("posts.raw", "ads.decisions", "ads.events")}
    deadline = time.monotonic() + 120
    while client.get(place, headers=given).status_code == 404 and time.monotonic() < deadline:
        forward(wiring.settings.spool_path, wiring.stream, "ads.decisions")
        learn_policies(wiring.stream, wiring.engine, Teaching(), **topics, now=now())
    why = client.get(place, headers=given).json()
    assert (why["context"], why["creative_id"], why["snapshot"]) == (made["context"], made["arm_id"], made["version"])
    assert (why["policy"]["is_same_arm"], why["policy"]["is_same_propensity"]) == (True, True)
    assert why["person"]["mood"] == why["person"]["mood_again"] == made["mood"]
    assert why["person"]["publish_seq"] == made["publish_seq"] > 0
    assert why["creative"]["headline"] == made["creative"]["headline"]
    assert why["campaign"]["campaign_id"] == made["campaign_id"]
    assert why["impression_at"] is not None


def test_every_post_behind_the_mood_is_listed_with_its_place_and_weight(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    person = _why(client, headers, record(wiring, 8, at, ada))["person"]
    raw = wiring.lake.scan(RAW_POSTS).filter(pl.col("subject_id") == ada).collect()
    places = {row["post_key"].hex(): (row["stream_partition"], row["stream_offset"]) for row in raw.to_dicts()}
    assert 5 < person["posts_weighed"] == len(person["posts"]) < len(places), "some show no emotion"
    for post in person["posts"]:
        assert (post["partition"], post["offset"]) == places[post["post_key"]]
        assert (post["topic"], post["batch_id"]) == ("posts.raw", "b000000001")
        hours = (at.timestamp() // 3600) - (datetime.fromisoformat(post["created_at"]).timestamp() // 3600)
        assert post["weight"] == pytest.approx(0.5 ** (hours / HALF_LIFE_HOURS))
    assert sum(post["share"] for post in person["posts"]) == pytest.approx(1)
    weights = [post["weight"] for post in person["posts"]]
    assert weights == sorted(weights, reverse=True)
    assert next(iter(person["shares"])) == person["mood"]


def test_no_word_of_a_post_or_name_is_in_the_answer(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    payloads = taken_in(wiring, at, 40, seed=2)
    made = record(wiring, 9, now(), ada)
    for path in PATHS:
        text = _get(client, headers, made, path).text
        for payload in payloads:
            assert payload["text"] not in text
            assert payload["author_name"] not in text
            assert payload["id"] not in text


def test_what_came_later_did_not_decide(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    made = record(wiring, 10, at, ada)
    before = _why(client, headers, made)["person"]
    taken_in(wiring, at, 60, seed=3)
    assert _why(client, headers, made)["person"] == before
    later = _why(client, headers, record(wiring, 11, now(), ada))["person"]
    assert later["posts_weighed"] > before["posts_weighed"]


def test_the_heaviest_posts_are_listed_and_all_are_counted(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    taken_in(wiring, at, 150, authors=1, seed=4)
    person = _why(client, headers, record(wiring, 12, now(), ada))["person"]
    assert len(person["posts"]) == MOST_POSTS < person["posts_weighed"]
    assert sum(person["shares"].values()) == pytest.approx(1)


def test_a_decision_of_nobody_tells_nothing_of_anybody_and_is_no_access(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime
) -> None:
    why = _why(client, headers, record(wiring, 13, at))
    assert why["person"] is None
    assert "Nothing of any person was used." in why["summary"]
    assert why["policy"]["is_same_arm"] is True
    assert _entries(wiring) == []


def test_an_explanation_is_recorded_about_everybody_it_shows(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    made = record(wiring, 14, at, ada)
    for path in PATHS:
        assert _get(client, headers, made, path).status_code == 200
    entries = _entries(wiring)
    assert [entry.action for entry in entries] == ["decision.explain"] * 2
    assert {entry.people.listed for entry in entries} == {(wiring.rights.audit_keys.hash_of(ada),)}


def test_posts_of_accounts_that_were_linked_by_then_are_looked_at_together(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    bo = subject_of(wiring, "a1")
    early = record(wiring, 15, at, ada)
    for each in (ada, bo):
        record_consent(wiring.engine, each, "linking", granted=True, source="cli", evidence="t", now=at)
    link(wiring.engine, [ada, bo], now())
    mood = mood_at(wiring, [ada, bo], now())
    late = record(wiring, 16, now(), ada, mood=mood)
    assert _why(client, headers, early)["person"]["subjects"] == [ada]
    person = _why(client, headers, late)["person"]
    assert person["subjects"] == [ada, bo]
    assert person["mood_again"] == mood
    assert {post["subject_id"] for post in person["posts"]} == {ada, bo}


def test_a_record_that_was_changed_is_told(wiring: Wiring, client: TestClient, headers: Headers, at: datetime) -> None:
    honest = record(wiring, 17, at)
    other = next(each for each in honest.row["eligible"] if each != honest.row["arm_id"])
    lies = [record(wiring, 18, at, propensity=0.123), record(wiring, 17, at, decision_id="f" * 32, arm_id=other)]
    told = [_why(client, headers, each) for each in lies]
    assert [(each["policy"]["is_same_arm"], each["policy"]["is_same_propensity"]) for each in told] == [
        (True, False),
        (False, True),
    ]
    assert all(any("cannot be trusted" in sentence for sentence in each["summary"]) for each in told)


@pytest.mark.parametrize("gone", [{"policy_version": 99}, {"policy": "palm_reading"}])
def test_a_policy_that_is_not_kept_is_said_and_the_rest_is_shown(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, gone: dict[str, Any]
) -> None:
    made = record(wiring, 19, at, **gone)
    why = _why(client, headers, made)
    assert why["policy"]["is_same_arm"] is None
    assert why["policy"]["problem"]
    assert {each["probability"] for each in why["eligible"]} == {None}
    assert why["creative"]["creative_id"] == made.row["arm_id"]
    assert "cannot be computed again" in _get(client, headers, made, "/page").text


def test_creatives_and_campaigns_that_are_gone_leave_the_ids(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime
) -> None:
    made = record(wiring, 20, at, experiments={"e-1": "warm"})
    with transaction(wiring.engine) as connection:
        for name in ("creatives", "campaigns"):
            connection.execute(sql_table(name).delete())
    why = _why(client, headers, made)
    assert (why["creative"], why["campaign"], why["creative_id"]) == (None, None, made.row["arm_id"])
    assert why["experiments"] == [{"experiment_id": "e-1", "name": None, "arm": "warm"}]
    assert _get(client, headers, made, "/page").status_code == 200


def test_the_state_of_the_text_at_that_time_is_told(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime
) -> None:
    made = record(wiring, 21, at)
    told = {"tenant": "acme", "creative_id": made.row["arm_id"], "reasons": [], "reviewer": "mod", "note": "fine"}
    steps = [("needs_review", -2), ("approved", -1), ("refused", 1)]
    with transaction(wiring.engine) as connection:
        for state, hours in steps:
            row = {**told, "state": state, "changed_at": at + timedelta(hours=hours)}
            connection.execute(sql_table("creative_reviews").insert().values(row))
        connection.execute(sql_table("creatives").update().values(state="refused", reviewer="mod", note="off"))
    creative = _why(client, headers, made)["creative"]
    assert (creative["state_then"], creative["state"], creative["reviewer"]) == ("approved", "refused", "mod")


def test_decisions_of_others_and_those_not_in_yet_are_404(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    theirs = record(wiring, 22, at, ada, tenant="others")
    for path in PATHS:
        for asked in (theirs.decision_id, "0" * 32):
            answer = _get(client, headers, asked, path)
            assert answer.status_code == 404
            assert "after some seconds" in answer.json()["error"]["message"]
    token = issue_token(SECRET, subject="x", tenant="others", scopes=["decisions:read"])
    given = {"Authorization": f"Bearer {token}"}
    assert client.get(f"/api/v1/decisions/{theirs.decision_id}/why", headers=given).status_code == 200
    assert [entry.actor for entry in _entries(wiring)] == ["api:others/x"]


def test_restricted_is_409_and_erased_is_gone(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    made = record(wiring, 23, at, ada)
    with transaction(wiring.engine) as connection:
        insert_ignore(connection, "restrictions", [{"subject_id": ada, "reason": "accuracy", "restricted_at": at}])
    assert {_get(client, headers, made, path).status_code for path in PATHS} == {409}
    wiring.rights.erasure.begin(ada, "e" * 32)
    assert {_get(client, headers, made, path).status_code for path in PATHS} == {404}, "its row went with the keys"
    late = record(wiring, 24, at, ada, mood=None)
    assert {_get(client, headers, late, path).status_code for path in PATHS} == {410}, "should one come in late"


def test_an_explanation_that_cannot_be_recorded_is_not_given(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    made = record(wiring, 25, at, ada)
    wiring.audit.close()
    folder = wiring.settings.audit_path
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"this is no folder")
    for path in PATHS:
        answer = _get(client, headers, made, path)
        assert answer.status_code == 503
        assert "Kettle" not in answer.text


def test_the_page_shows_it_and_loads_nothing(
    wiring: Wiring, client: TestClient, headers: Headers, at: datetime, ada: str
) -> None:
    with transaction(wiring.engine) as connection:
        creatives = sql_table("creatives")
        connection.execute(creatives.update().values(headline="<b>Kettle's</b>"))
        assert connection.execute(sa.select(sa.func.count()).select_from(creatives)).scalar_one() == 3
    answer = _get(client, headers, record(wiring, 26, at, ada), "/page")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "&lt;b&gt;Kettle&#39;s&lt;/b&gt;" in answer.text
    assert "<b>" not in answer.text
    assert not re.search(r"""<script|(src|href)=["']|url\(|://""", answer.text)
    assert "The posts behind the mood" in answer.text
    assert "Computed again: the same." in answer.text


def test_an_id_that_is_none_is_refused(client: TestClient, headers: Headers) -> None:
    for wrong in ("1", "Z" * 32, "0" * 33):
        assert _get(client, headers, wrong).status_code == 422

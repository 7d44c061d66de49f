"""Campaigns, creatives and experiments over HTTP: each tenant its own, wrong input told, edits told of each other."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.campaigns.sample_campaigns import sample_campaigns
from alphaads_pipelines.campaigns.store import read_campaign
from alphaads_pipelines.creatives.moderation import Opinion
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.decisions.catalogue import Catalogue, read_catalogue
from alphaads_pipelines.pipeline.ad_creatives import refresh_creatives
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.wiring.app import Wiring
from api.credentials import SCOPES, issue_token
from tests.api.conftest import SECRET, Headers
from tests.api.schemas import body_of, spoiled
from tests.campaigns.test_campaign import NOON

CAMPAIGNS, CREATIVES, EXPERIMENTS = "/api/v1/campaigns", "/api/v1/creatives", "/api/v1/experiments"
LAMP = {"name": "Spring", "product": "Lumora lamp", "benefit": "warm light", "call_to_action": "See it"}
FULL = {
    **LAMP,
    "placement": "meta_feed",
    "rules": {
        "banned_claims": ["cures"],
        "disclosures": ["Ad"],
        "voice": {"manner": "warm", "avoid": ["cheap"], "exclamations": False, "emoji": False},
    },
    "emotions": ["joy", "neutral"],
    "segments": ["night owls"],
    "unsafe_moods": ["anger"],
    "cost_microusd": 2_500,
    "budget_microusd": 10_000_000,
    "daily_budget_microusd": 1_000_000,
    "daily_cap": 3,
    "segment_floors": {"night owls": 0.25},
    "starts_at": "2026-11-24T12:00:00Z",
    "ends_at": "2027-11-24T12:00:00Z",
}
HALVES = {
    "name": "Context",
    "shares": {"control": 5_000, "linear": 5_000},
    "treatments": {"control": None, "linear": "linucb"},
}


@pytest.fixture
def acme(client: TestClient, headers: Headers) -> TestClient:
    """The client with every scope."""
    client.headers.update(headers())
    return client


@pytest.fixture
def other() -> dict[str, str]:
    """Headers of another tenant's caller with every scope."""
    token = issue_token(SECRET, subject="eve", tenant="other", scopes=SCOPES)
    return {"Authorization": f"Bearer {token}"}


def draft(client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post(CAMPAIGNS, json={**LAMP, **changes})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def catalogue(wiring: Wiring) -> Catalogue:
    with reading(wiring.engine) as connection:
        return read_catalogue(connection, with_samples=False)


def write_texts(wiring: Wiring, opinion: Opinion = Opinion()) -> None:
    refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), [lambda text: opinion], NOON)


def test_a_campaign_is_drafted_run_paused_and_ended(acme: TestClient, wiring: Wiring) -> None:
    made = draft(acme, **FULL)
    campaign_id = made.pop("campaign_id")
    assert made == {**FULL, "state": "draft", "version": 0}
    at = f"{CAMPAIGNS}/{campaign_id}"
    assert acme.post(f"{at}/pause").status_code == 422
    for verb, state, version in (("resume", "active", 1), ("pause", "paused", 2), ("resume", "active", 3)):
        assert acme.post(f"{at}/{verb}").json() == {
            **made,
            "campaign_id": campaign_id,
            "state": state,
            "version": version,
        }
        assert set(catalogue(wiring).campaigns) == ({campaign_id} if state == "active" else set())
    assert acme.post(f"{at}/end", json={"version": 2}).status_code == 409
    assert acme.post(f"{at}/end", json={"version": 3}).json()["state"] == "ended"
    assert acme.post(f"{at}/resume").status_code == 422
    assert acme.get(at).json()["version"] == 4


def test_a_tenant_is_served_its_own_campaign_until_it_is_paused(
    published: Wiring, acme: TestClient, app: FastAPI, other: dict[str, str]
) -> None:
    campaign_id = draft(acme)["campaign_id"]
    at = f"{CAMPAIGNS}/{campaign_id}"

    def served(headers: dict[str, str] | None = None) -> set[str]:
        app.state.reader.refresh()
        answers = [acme.post("/api/v1/decisions", json={"subject_id": None}, headers=headers) for _ in range(8)]
        return {each.json()["creative"]["campaign_id"] for each in answers}

    samples = {each.campaign_id for each in sample_campaigns()}
    assert served() <= samples
    acme.post(f"{at}/resume")
    app.state.reader.refresh()
    early = acme.post("/api/v1/decisions", json={"subject_id": None})
    assert early.status_code == 404, "it runs, and nothing of it is moderated yet"
    write_texts(published)
    assert served() == {campaign_id}
    assert served(other) <= samples
    acme.post(f"{at}/pause")
    assert served() <= samples


def test_an_edit_names_the_version_that_it_was_made_from(acme: TestClient) -> None:
    campaign_id = draft(acme, **FULL)["campaign_id"]
    at = f"{CAMPAIGNS}/{campaign_id}"
    edited = acme.put(at, json={**LAMP, "name": "Summer", "version": 0})
    assert edited.status_code == 200
    assert (edited.json()["name"], edited.json()["version"], edited.json()["daily_cap"]) == ("Summer", 1, None)
    late = acme.put(at, json={**LAMP, "name": "Autumn", "version": 0})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "write_conflict")
    assert "at version 1" in late.json()["error"]["message"]
    assert acme.put(at, json=LAMP).status_code == 422
    assert acme.get(at).json() == edited.json()


def test_what_a_campaign_spent_is_shown_to_its_own_tenant(
    acme: TestClient, wiring: Wiring, other: dict[str, str]
) -> None:
    limits = {"cost_microusd": 500, "budget_microusd": 9_000, "daily_budget_microusd": 3_000}
    campaign_id, now = draft(acme, **limits)["campaign_id"], datetime.now(UTC)
    made = read_campaign(wiring.engine, "acme", campaign_id)
    assert Reservations(wiring.engine).reserve("seen", made, None, (), None, now) is None
    at = f"{CAMPAIGNS}/{campaign_id}/spending"
    held = {"reserved_microusd": 500, "spent_microusd": 0}
    assert acme.get(at).json() == {
        "campaign_id": campaign_id,
        "total": held,
        "left_microusd": 8_500,
        "today_budget_microusd": 3_000,
        "today_left_microusd": 2_500,
        "days": [{"day": str(now.date()), "total": held, "segments": {}}],
    }
    assert acme.get(at, headers=other).status_code == 404
    assert acme.get(at, params={"days": 0}).status_code == 422


def test_lists_come_in_pages(acme: TestClient) -> None:
    ids = sorted(draft(acme)["campaign_id"] for _ in range(3))
    first = acme.get(CAMPAIGNS, params={"limit": 2}).json()
    assert [each["campaign_id"] for each in first["campaigns"]] == ids[:2]
    assert first["next"] == ids[1]
    last = acme.get(CAMPAIGNS, params={"limit": 2, "after": first["next"]}).json()
    assert ([each["campaign_id"] for each in last["campaigns"]], last["next"]) == (ids[2:], None)
    acme.post(f"{CAMPAIGNS}/{ids[1]}/resume")
    active = acme.get(CAMPAIGNS, params={"state": "active"}).json()
    assert [each["campaign_id"] for each in active["campaigns"]] == [ids[1]]
    for wrong in ({"limit": 0}, {"limit": 501}, {"state": "gone"}, {"after": "a b"}, {"after": "x" * 65}):
        for path in (CAMPAIGNS, CREATIVES, EXPERIMENTS):
            assert acme.get(path, params=wrong).status_code == 422, (path, wrong)


def test_a_person_decides_on_what_waits_for_one(acme: TestClient, wiring: Wiring) -> None:
    campaign_id = draft(acme, emotions=["joy", "fear"])["campaign_id"]
    acme.post(f"{CAMPAIGNS}/{campaign_id}/resume")
    write_texts(wiring, Opinion(doubts=("maybe_offensive",)))
    assert catalogue(wiring).creatives == ()
    queue = acme.get(CREATIVES, params={"state": "needs_review", "campaign_id": campaign_id}).json()
    assert [each["reasons"] for each in queue["creatives"]] == [["maybe_offensive"]] * 2
    first, second = (f"{CREATIVES}/{each['creative_id']}" for each in queue["creatives"])
    assert acme.post(f"{first}/approve", json={}).status_code == 422
    assert acme.post(f"{first}/approve", json={"note": "harmless"}).json()["reviewer"] == "tester"
    assert acme.post(f"{second}/reject", json={"note": "dull"}).json()["state"] == "refused"
    assert {each["creative_id"] for each in catalogue(wiring).creatives} == {first.rpartition("/")[2]}
    refused = acme.post(f"{second}/approve", json={"note": "after all"})
    assert (refused.status_code, "cannot be approved" in refused.text) == (422, True)
    shown = acme.get(second).json()
    assert [each["state"] for each in shown["history"]] == ["draft", "pending", "needs_review", "refused"]
    assert shown["history"][-1]["note"] == "dull"
    assert acme.post(f"{second}/resubmit").json()["state"] == "pending"
    assert acme.get(CREATIVES, params={"state": "needs_review"}).json() == {"creatives": [], "next": None}


def test_retired_texts_are_listed_on_request(acme: TestClient, wiring: Wiring) -> None:
    campaign = draft(acme, emotions=["joy"])
    at = f"{CAMPAIGNS}/{campaign['campaign_id']}"
    acme.post(f"{at}/resume")
    write_texts(wiring)
    [kept] = acme.get(CREATIVES).json()["creatives"]
    assert acme.put(at, json={**LAMP, "product": "Tundrel boots", "version": 1}).status_code == 200
    assert catalogue(wiring).creatives == ()
    assert acme.get(CREATIVES).json()["creatives"] == []
    assert acme.get(CREATIVES, params={"with_retired": True}).json()["creatives"] == [{**kept, "is_current": False}]


def test_an_experiment_is_drafted_started_and_stopped(acme: TestClient, wiring: Wiring) -> None:
    made = acme.post(EXPERIMENTS, json=HALVES)
    assert made.status_code == 201
    at = f"{EXPERIMENTS}/{made.json()['experiment_id']}"
    assert acme.get(at).json() == made.json()
    assert acme.post(f"{at}/start").json()["state"] == "running"
    assert [each.experiment_id for each in catalogue(wiring).experiments] == [made.json()["experiment_id"]]
    clash = acme.post(EXPERIMENTS, json=HALVES).json()["experiment_id"]
    refused = acme.post(f"{EXPERIMENTS}/{clash}/start")
    assert (refused.status_code, "same slots" in refused.text) == (422, True)
    shares = acme.put(f"{at}/shares", json={"shares": {"control": 9_000, "linear": 1_000}})
    assert shares.json()["shares"] == {"control": 9_000, "linear": 1_000}
    assert acme.put(f"{at}/shares", json={"shares": {"else": 1}}).status_code == 422
    assert acme.post(f"{at}/stop").json()["state"] == "stopped"
    assert catalogue(wiring).experiments == ()
    listed = acme.get(EXPERIMENTS, params={"state": "stopped"}).json()["experiments"]
    assert [each["experiment_id"] for each in listed] == [made.json()["experiment_id"]]


def test_an_organisation_is_named_by_its_tenant(acme: TestClient, other: dict[str, str]) -> None:
    at = "/api/v1/organisation"
    named = acme.put(at, json={"name": "Acme"}).json()
    assert (named["tenant"], named["name"]) == ("acme", "Acme")
    assert acme.get(at).json() == named
    assert acme.get(at, headers=other).status_code == 404
    for wrong in ({"name": ""}, {"name": " "}, {"name": "a\0"}, {"name": "x" * 201}, {"name": "x", "tenant": "other"}):
        assert acme.put(at, json=wrong).status_code == 422


def test_what_is_another_tenants_is_not_found(acme: TestClient, wiring: Wiring, other: dict[str, str]) -> None:
    campaign_id = draft(acme, emotions=["joy"])["campaign_id"]
    acme.post(f"{CAMPAIGNS}/{campaign_id}/resume")
    write_texts(wiring, Opinion(doubts=("maybe_offensive",)))
    [creative] = acme.get(CREATIVES).json()["creatives"]
    experiment = acme.post(EXPERIMENTS, json=HALVES).json()
    mine, text = f"{CAMPAIGNS}/{campaign_id}", f"{CREATIVES}/{creative['creative_id']}"
    trial = f"{EXPERIMENTS}/{experiment['experiment_id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", mine, None),
        ("PUT", mine, {**LAMP, "version": 1}),
        *(("POST", f"{mine}/{verb}", None) for verb in ("pause", "resume", "end")),
        ("GET", text, None),
        *(("POST", f"{text}/{verb}", {"note": "mine"}) for verb in ("approve", "reject", "resubmit")),
        ("GET", trial, None),
        *(("POST", f"{trial}/{verb}", None) for verb in ("start", "stop")),
        ("PUT", f"{trial}/shares", {"shares": {"control": 1}}),
        ("POST", EXPERIMENTS, {**HALVES, "campaign_id": campaign_id}),
    ]
    for method, path, body in calls:
        answer = acme.request(method, path, json=body, headers=other)
        assert answer.status_code == 404, (method, path)
    for path in (CAMPAIGNS, CREATIVES, EXPERIMENTS):
        [(_, found), _] = acme.get(path, headers=other).json().items()
        assert found == []
    assert acme.get(mine).json()["version"] == 1
    assert acme.get(text).json()["state"] == "needs_review"
    assert acme.get(trial).json() == experiment


def test_reading_writing_and_reviewing_are_scopes_of_their_own(client: TestClient, headers: Headers) -> None:
    for path in (CAMPAIGNS, CREATIVES, EXPERIMENTS):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=headers(*(SCOPES - {"campaigns:read"}))).status_code == 403
        assert client.get(path, headers=headers("campaigns:read")).status_code == 200


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"PlantedValue": 1}, "body"),
    ({"campaign_id": "PlantedValue"}, "body"),
    ({"tenant": "PlantedValue"}, "body"),
    ({"state": "active"}, "body"),
    ({"name": None}, "body.name"),
    ({"name": "PlantedValue" * 20}, "body.name"),
    ({"name": "PlantedValue\0"}, "none of them hidden"),
    ({"placement": "PlantedValue"}, "placement must be one of"),
    ({"emotions": ["PlantedValue"]}, "emotions and unsafe_moods must be among"),
    ({"emotions": ["joy"], "unsafe_moods": ["joy"]}, "nobody could be shown"),
    ({"segments": ["s"] * 51}, "body.segments"),
    ({"rules": {"banned_claims": [" "]}}, "banned_claims holds a blank phrase"),
    ({"rules": {"voice": {"avoid": ["x"] * 51}}}, "body.rules.voice.avoid"),
    ({"cost_microusd": -1}, "body.cost_microusd"),
    ({"cost_microusd": 10**30}, "body.cost_microusd"),
    ({"budget_microusd": 5}, "needs the cost of an impression"),
    ({"daily_cap": 0}, "body.daily_cap"),
    ({"segment_floors": {"a": 2}}, "body.segment_floors"),
    ({"segment_floors": {"a": 0.1}}, "need a daily budget"),
    ({"starts_at": "2026-01-01T00:00:00"}, "body.starts_at"),
    ({"starts_at": "0001-01-01T00:00:00+14:00"}, "in the years"),
    ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "ends_at must be after"),
]


def test_a_wrong_campaign_is_told_and_not_echoed(acme: TestClient) -> None:
    at = f"{CAMPAIGNS}/{draft(acme)['campaign_id']}"
    for changes, told in WRONG:
        for answer in (
            acme.post(CAMPAIGNS, json={**LAMP, **changes}),
            acme.put(at, json={**LAMP, **changes, "version": 0}),
        ):
            assert answer.status_code == 422, changes
            assert told in answer.json()["error"]["message"], changes
            assert "PlantedValue" not in answer.text, changes
    assert acme.get(at).json()["version"] == 0


POSTED = (CAMPAIGNS, EXPERIMENTS)
fuzzed = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _sent(client: TestClient, path: str, body: bytes) -> int:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (201, 400, 404, 422), (path, body[:500], answer.text)
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"code", "message", "correlation_id"}
    else:
        [made_id] = [value for name, value in answer.json().items() if name in ("campaign_id", "experiment_id")][-1:]
        assert client.get(f"{path}/{made_id}").status_code == 200
    return answer.status_code


@pytest.mark.parametrize("path", POSTED)
@fuzzed
@given(data=st.data())
def test_allowed_and_spoiled_bodies_are_taken_or_refused(acme: TestClient, path: str, data: st.DataObject) -> None:
    bodies = body_of(acme.get("/api/openapi.json").json(), path)
    _sent(acme, path, json.dumps(data.draw(bodies | spoiled(bodies))).encode())


@pytest.mark.parametrize("path", POSTED)
@fuzzed
@given(spoiled(st.sampled_from([FULL, HALVES, LAMP]).map(lambda each: json.loads(json.dumps(each)))))
@example({**HALVES, "shares": {"control": 0, "linear": 10_000}})
@example({**LAMP, "name": "\ud800"})
def test_a_body_with_one_wrong_value_is_taken_or_refused(acme: TestClient, path: str, body: Any) -> None:
    _sent(acme, path, json.dumps(body).encode())

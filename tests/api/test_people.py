"""Consents, links, restriction and rectification over HTTP, and what they change in decisions and profiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.rights.requests import RightsRequests
from alphaads_pipelines.stores.sql.relational import transaction, upsert
from alphaads_pipelines.wiring.app import Wiring
from tests.api.conftest import Headers
from tests.catalogue_factories import advertise
from tests.profiles.scores import Scored, frame

AUTHORS = (("x", "1"), ("facebook", "1"), ("linkedin", "1"))


@pytest.fixture
def people(wiring: Wiring) -> list[str]:
    """A person on X who shows joy and writes English, two others who are angry in German; all published just now."""
    now = datetime.now(UTC)
    identities = [wiring.pseudonyms.identity(*author) for author in AUTHORS]
    subjects = [key.subject_id for key in wiring.subject_keys.ensure(identities)]
    posts = [Scored(subject_id=subjects[0], created_at=now)]
    for each in subjects[1:]:
        posts += [Scored(subject_id=each, created_at=now, emotion="anger", language="de")] * 3
    _publish(wiring, fold_profiles({}, frame(posts), 1)[0].select("subject_id", "state").rows(), now)
    return subjects


def _publish(wiring: Wiring, states: Sequence[tuple[str, bytes]], now: datetime) -> None:
    live = [{"subject_id": subject, "shard": 0, "publish_seq": 1, "state": state} for subject, state in states]
    position = {"consumer": "posts", "topic": "posts.raw", "partition": 0, "next_offset": 0, "end_offset": 0}
    rest = {"last_kind": "live", "lost_offsets": 0, "complete_until": now}
    with transaction(wiring.engine) as connection:
        upsert(connection, "live_profiles", live)
        upsert(connection, "published", [{"shard": 0, "publish_seq": 1, "versions": {}, "published_at": now}])
        upsert(connection, "stream_positions", [{**position, **rest}])
    advertise(wiring.engine, [(each, each) for each in ("joy", "anger", "neutral")], now)


@pytest.fixture
def service(people: list[str], client: TestClient, headers: Headers) -> TestClient:
    """It has seen what is published, and the caller may do everything."""
    client.headers.update(headers())
    return client


def _decide(service: TestClient, subject: str) -> dict[str, Any]:
    answer = service.post("/api/v1/decisions", json={"subject_id": subject})
    assert answer.status_code == 200
    decision: dict[str, Any] = answer.json()
    return decision


def _say(service: TestClient, subject: str, purpose: str, *, granted: bool = True) -> Response:
    body = {"subject": subject, "purpose": purpose, "granted": granted, "evidence": "form-7"}
    return service.post("/api/v1/consents", json=body)


def _profile(service: TestClient, subject: str) -> Response:
    return service.get(f"/api/v1/profiles/{subject}")


def test_nobody_is_personalised_who_was_not_asked(service: TestClient, people: list[str]) -> None:
    decision = _decide(service, people[0])
    assert (decision["personalised"], decision["personalisation"]) == (False, "no_consent")
    assert decision["arm_id"] == "neutral"
    assert people[0] not in str(decision), "the record names nobody"
    assert "no consent" in decision["reason"]


def test_consent_counts_from_the_next_decision_on_and_so_does_its_withdrawal(
    service: TestClient, people: list[str]
) -> None:
    for granted, arm in ((True, "joy"), (False, "neutral"), (True, "joy")):
        answer = _say(service, "x:1", "personalised_ads", granted=granted)
        assert answer.status_code == 201
        assert answer.json()["subject_id"] == people[0]
        decision = _decide(service, people[0])
        assert (decision["arm_id"], decision["personalised"]) == (arm, granted)
    shown = service.get(f"/api/v1/consents/{people[0]}").json()
    assert shown["allowed"] == ["personalised_ads"]
    assert [each["granted"] for each in shown["history"]] == [True, False, True]
    assert {(each["source"], each["evidence"]) for each in shown["history"]} == {("api", "form-7")}


def test_what_the_terms_of_a_network_forbid_is_refused(service: TestClient, people: list[str]) -> None:
    answer = _say(service, people[2], "personalised_ads")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_permitted")
    assert "linkedin" in answer.json()["error"]["message"]
    assert service.get(f"/api/v1/consents/{people[2]}").json()["history"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"subject": "x:2"}, 404),
        ({"subject": "PLANTED"}, 422),
        ({"purpose": "PLANTED"}, 422),
        ({"evidence": "PLANTED NAME"}, 422),
        ({"granted": "PLANTED"}, 422),
        ({"PLANTED": 1}, 422),
    ],
)
def test_a_wrong_consent_is_refused_and_not_echoed(
    service: TestClient, people: list[str], change: dict[str, Any], status: int
) -> None:
    body = {"subject": people[0], "purpose": "linking", "granted": True, "evidence": "form-7", **change}
    answer = service.post("/api/v1/consents", json=body)
    assert answer.status_code == status
    assert "PLANTED" not in answer.text
    assert service.get(f"/api/v1/consents/{people[0]}").json()["history"] == []


def test_linked_accounts_are_one_profile_until_one_of_them_withdraws(service: TestClient, people: list[str]) -> None:
    ada, bo, _ = people
    accounts = {"subjects": ["x:1", bo]}
    assert service.post("/api/v1/links", json=accounts).status_code == 409, "nobody allowed it"
    for subject in (ada, bo):
        for purpose in ("personalised_ads", "linking"):
            _say(service, subject, purpose)
    assert _decide(service, ada)["arm_id"] == "joy"
    assert service.post("/api/v1/links", json=accounts).json() == {"subjects": sorted([ada, bo])}
    profile = _profile(service, ada).json()
    assert profile["subjects"] == [ada, bo]
    assert (profile["profile"]["posts"], profile["profile"]["mood"]) == (4, "anger")
    assert _decide(service, ada)["arm_id"] == "anger"
    _say(service, bo, "linking", granted=False)
    assert _profile(service, ada).json()["profile"]["posts"] == 1
    assert _decide(service, ada)["arm_id"] == "joy"
    assert service.delete(f"/api/v1/links/{ada}").json() == {"unlinked": False}


def test_unlinking_splits_at_once(service: TestClient, people: list[str]) -> None:
    ada, bo, _ = people
    for subject in (ada, bo):
        _say(service, subject, "linking")
    service.post("/api/v1/links", json={"subjects": [ada, bo]})
    assert _profile(service, bo).json()["subjects"] == [bo, ada]
    assert service.delete(f"/api/v1/links/{ada}").json() == {"unlinked": True}
    assert _profile(service, bo).json()["subjects"] == [bo]


def test_a_restricted_person_is_neither_shown_nor_used_until_it_is_lifted(
    service: TestClient, people: list[str], wiring: Wiring
) -> None:
    ada = people[0]
    _say(service, ada, "personalised_ads")
    person = service.put(f"/api/v1/people/{ada}/restriction", json={"reason": "accuracy"}).json()
    assert person["restricted"] == "accuracy"
    answer = _profile(service, ada)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "restricted")
    assert _decide(service, ada)["personalisation"] == "restricted"
    assert service.delete(f"/api/v1/people/{ada}/restriction").json()["restricted"] is None
    assert _profile(service, ada).status_code == 200
    assert _decide(service, ada)["personalised"]
    assert service.put(f"/api/v1/people/{ada}/restriction", json={"reason": "PLANTED"}).status_code == 422
    requests = RightsRequests(wiring.engine).list(only_open=False)
    assert [(each.kind, each.state) for each in requests] == [("restrict", "done"), ("restrict", "refused")]


def test_a_correction_stands_above_what_was_inferred(service: TestClient, people: list[str], wiring: Wiring) -> None:
    ada = people[0]
    _say(service, ada, "personalised_ads")
    corrections = f"/api/v1/people/{ada}/rectifications"
    assert service.put(f"{corrections}/mood", json={"value": "anger"}).json()["rectified"] == {"mood": "anger"}
    assert service.put(f"{corrections}/language", json={"value": None}).status_code == 200
    shown = _profile(service, ada).json()
    assert (shown["profile"]["mood"], shown["profile"]["language"]) == ("anger", None)
    assert shown["rectified"] == ["language", "mood"]
    decision = _decide(service, ada)
    assert (decision["arm_id"], decision["personalisation"]) == ("anger", "correction")
    service.delete(f"{corrections}/mood")
    assert _profile(service, ada).json()["profile"]["mood"] == _decide(service, ada)["arm_id"] == "joy"
    for field, value in (("mood", "PLANTED"), ("posts", "3")):
        refused = service.put(f"{corrections}/{field}", json={"value": value})
        assert refused.status_code == 422
        assert "PLANTED" not in refused.text
    states = [each.state for each in RightsRequests(wiring.engine).list(kind="rectify", only_open=False)]
    assert sorted(states) == ["done", "done", "refused", "refused"]


def test_an_officer_finds_a_person_and_what_stands_about_them(service: TestClient, people: list[str]) -> None:
    ada, bo, member = people
    assert service.post("/api/v1/people/find", json={"subject": "x:1"}).json() == {"subject_id": ada}
    for subject in (ada, bo):
        _say(service, subject, "linking")
    service.post("/api/v1/links", json={"subjects": [ada, bo]})
    assert service.get(f"/api/v1/people/{ada}").json() == {
        "subject_id": ada,
        "platform": "x",
        "linked": sorted([ada, bo]),
        "allowed": ["linking"],
        "restricted": None,
        "rectified": {},
    }
    assert service.get(f"/api/v1/people/{member}").json()["linked"] == [member]
    assert service.get(f"/api/v1/people/{'0' * 32}").status_code == 404
    assert service.post("/api/v1/people/find", json={"subject": "x:PLANTED"}).status_code == 404


def test_of_an_erased_person_everything_answers_410(service: TestClient, people: list[str], wiring: Wiring) -> None:
    ada = people[0]
    _say(service, ada, "personalised_ads")
    with transaction(wiring.engine) as connection:
        mac = wiring.pseudonyms.identity("x", "1").mac
        wiring.suppressions.suppress(connection, [mac], ada, datetime.now(UTC))
    wiring.subject_keys.destroy(ada)
    for answer in (
        _profile(service, ada),
        service.get(f"/api/v1/consents/{ada}"),
        service.get(f"/api/v1/people/{ada}"),
        service.post("/api/v1/people/find", json={"subject": "x:1"}),
        _say(service, "x:1", "personalised_ads"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "erased")
    assert _profile(service, "0" * 32).status_code == 404
    decision = _decide(service, ada)
    assert (decision["personalised"], decision["personalisation"]) == (False, "unknown_subject")
    again = service.post("/api/v1/posts", json={"platform": "generic", "payloads": [_post("x", "1"), _post("x", "2")]})
    assert (again.json()["read"], again.json()["produced"], again.json()["suppressed"]) == (2, 1, 1)


def _post(network: str, author: str) -> dict[str, str]:
    post = {"id": author, "text": "Tea!", "created_at": "2026-11-24T10:00:00Z"}
    return {**post, "platform": network, "author_id": author}

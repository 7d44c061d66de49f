"""What a post touched, and forgetting it, over HTTP: for privacy officers, recorded, and nobody else's business."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.ingest.find_post import find_post, keys_of
from alphaads_pipelines.pipeline.batch_run import plan_replay
from alphaads_pipelines.wiring.app import Wiring
from api.routes.v1 import post_rights
from tests.api.conftest import Headers
from tests.api.test_audit import _entries
from tests.decisions.recorded import Made, advertise, now, record, taken_in


@pytest.fixture
def at(wiring: Wiring) -> datetime:
    before = now()
    taken_in(wiring, before, posts=40, authors=3)
    advertise(wiring, before)
    return now()


@pytest.fixture
def made(wiring: Wiring, at: datetime) -> tuple[str, Made]:
    """The id of a post that shows an emotion, and a decision that it touched."""
    for number in range(39, 0, -1):
        keys = keys_of(wiring.pseudonyms, "generic", f"s1-{number}")
        [post] = find_post(wiring.engine, wiring.ledger, wiring.lake, "posts.raw", keys)
        decision = record(wiring, number, at, post.subject_id)
        if post_rights.find_affected_decisions(wiring.engine, wiring.lake, [post]).decisions:
            return f"s1-{number}", decision
    raise AssertionError("no post shows an emotion")


def _ask(client: TestClient, headers: Headers, method: str, path: str) -> Any:
    return client.request(method, f"/api/v1/posts/{path}", headers=headers("privacy:officer"))


def test_what_a_post_touched_is_answered_by_either_name_and_recorded(
    wiring: Wiring, client: TestClient, headers: Headers, made: tuple[str, Made]
) -> None:
    post_id, decision = made
    answer = _ask(client, headers, "GET", f"generic/{post_id}/touched")
    assert answer.status_code == 200
    touched = answer.json()
    assert decision.decision_id in [each["decision_id"] for each in touched["decisions"]]
    assert touched["creatives"][0]["headline"].startswith("Kettle ")
    [key] = touched["post_keys"]
    assert _ask(client, headers, "GET", f"key/{key}/touched").json() == touched
    entries = _entries(wiring)
    assert [entry.action for entry in entries] == ["post.trace"] * 2
    assert {entry.people.listed for entry in entries} == {(wiring.rights.audit_keys.hash_of(touched["subject_id"]),)}
    assert post_id not in str(entries)


def test_a_post_is_forgotten_once_and_what_it_touched_is_told(
    wiring: Wiring, client: TestClient, headers: Headers, made: tuple[str, Made]
) -> None:
    post_id, decision = made
    touched = _ask(client, headers, "GET", f"generic/{post_id}/touched").json()
    done = _ask(client, headers, "DELETE", f"generic/{post_id}")
    assert done.status_code == 200
    assert (done.json()["was_here"], done.json()["touched"]) == (True, touched)
    assert _ask(client, headers, "GET", f"generic/{post_id}/touched").status_code == 404
    again = _ask(client, headers, "DELETE", f"generic/{post_id}").json()
    assert (again["was_here"], again["touched"], again["rows"]) == (False, None, {})
    hashed = wiring.rights.audit_keys.hash_of(touched["subject_id"])
    forgets = [entry for entry in _entries(wiring) if entry.action == "post.forget"]
    assert [entry.people.listed for entry in forgets] == [(hashed,), ()]
    why = client.get(f"/api/v1/decisions/{decision.decision_id}/why", headers=headers("decisions:read")).json()
    assert touched["post_keys"][0] not in [post["post_key"] for post in why["person"]["posts"]]


def test_while_the_partitions_are_busy_it_is_409_and_does_not_come_in_again(
    wiring: Wiring, client: TestClient, headers: Headers, made: tuple[str, Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_rights, "_PATIENCE_S", 0.2)
    plan_replay(wiring, 1)
    answer = _ask(client, headers, "DELETE", f"generic/{made[0]}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "write_conflict")


def test_what_cannot_be_recorded_is_not_done(
    wiring: Wiring, client: TestClient, headers: Headers, made: tuple[str, Made]
) -> None:
    wiring.audit.close()
    folder = wiring.settings.audit_path
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"this is no folder")
    for method, path in (("GET", f"generic/{made[0]}/touched"), ("DELETE", f"generic/{made[0]}")):
        assert _ask(client, headers, method, path).status_code == 503
    keys = keys_of(wiring.pseudonyms, "generic", made[0])
    assert len(find_post(wiring.engine, wiring.ledger, wiring.lake, "posts.raw", keys)) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [("x/404404/touched", 404), (f"key/{'0' * 32}/touched", 404), ("key/PLANTED/touched", 422), ("X!/1/touched", 422)],
)
def test_wrong_names_are_answered_without_repeating_them(
    client: TestClient, headers: Headers, at: datetime, path: str, status: int
) -> None:
    answer = _ask(client, headers, "GET", path)
    assert answer.status_code == status
    assert "PLANTED" not in answer.text
    assert "404404" not in answer.text

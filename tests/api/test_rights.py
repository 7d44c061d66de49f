"""Erasures and requests over HTTP: the officer's alone; keys are gone before the answer, the rest goes later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.rights.erasure import erasure
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.stores.subjects.links import join_in
from alphaads_pipelines.wiring.app import Wiring
from tests.api.conftest import Headers
from tests.rights.erasure.erasing import NOW

ERASURES, REQUESTS = "/api/v1/rights/erasures", "/api/v1/rights/requests"


@pytest.fixture
def subjects(published: Wiring, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(erasure, "_SETTLE", timedelta(0))
    with reading(published.engine) as connection:
        return sorted(row.subject_id for row in connection.execute(sql_table("live_profiles").select()))


def test_the_key_is_destroyed_before_the_answer_and_the_receipt_comes_later(
    client: TestClient, headers: Headers, wiring: Wiring, subjects: list[str]
) -> None:
    officer, gone = headers("privacy:officer"), subjects[0]
    answer = client.post(ERASURES, json={"subject": gone}, headers=officer)
    assert answer.status_code == 202
    [request] = answer.json()["requests"]
    assert gone not in answer.text
    assert (request["kind"], request["state"], request["step"], request["receipt"]) == ("erase", "open", "keys", None)
    with reading(wiring.engine) as connection:
        keys = sql_table("subject_keys")
        assert connection.execute(keys.select().where(keys.c.subject_id == gone)).all() == []
    assert client.get(REQUESTS, headers=officer).json() == [request]
    wiring.rights.erasure.resume(request["request_id"])
    assert client.get(REQUESTS, headers=officer).json() == []
    assert len(client.get(REQUESTS, params={"only_open": False}, headers=officer).json()) == 1
    done = client.get(f"{REQUESTS}/{request['request_id']}", headers=officer).json()
    assert done["state"] == "done"
    wiring.rights.receipt_signer.verify(done["receipt"])


def test_linked_subjects_are_counted_or_erased_too(
    client: TestClient, headers: Headers, wiring: Wiring, subjects: list[str]
) -> None:
    with transaction(wiring.engine) as connection:
        join_in(connection, subjects[:3], NOW)
    officer = headers("privacy:officer")
    alone = client.post(ERASURES, json={"subject": subjects[0]}, headers=officer).json()
    assert (len(alone["requests"]), alone["linked_left"]) == (1, 2)
    both = client.post(ERASURES, json={"subject": subjects[1], "all_linked": True}, headers=officer).json()
    assert (len(both["requests"]), both["linked_left"]) == (2, 0)


def test_strangers_the_erased_and_wrong_requests_are_told_apart(
    client: TestClient, headers: Headers, subjects: list[str]
) -> None:
    officer = headers("privacy:officer")

    def status(subject: str) -> int:
        return client.post(ERASURES, json={"subject": subject}, headers=officer).status_code

    assert [status(subjects[0]), status(subjects[0])] == [202, 410]
    assert [status("0" * 32), status("instagram:nobody"), status("neither")] == [404, 404, 422]
    assert client.get(f"{REQUESTS}/{'0' * 32}", headers=officer).status_code == 404


def test_nobody_but_an_officer_may(client: TestClient, headers: Headers, subjects: list[str]) -> None:
    for given, expected in (({}, 401), (headers("profiles:read"), 403)):
        assert client.post(ERASURES, json={"subject": subjects[0]}, headers=given).status_code == expected
        assert client.get(REQUESTS, headers=given).status_code == expected

"""What an experiment has shown, over HTTP: figures and a page, the tenant's own, one entry in the audit log a call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.experiments.store import StoredExperiment
from alphaads_pipelines.pipeline.learning import Teaching
from alphaads_pipelines.rights.erasure.relational import delete_subject
from alphaads_pipelines.stores.sql.relational import transaction
from alphaads_pipelines.wiring.app import Wiring
from api.credentials import issue_token
from tests.api.conftest import SECRET, Headers
from tests.api.test_audit import _entries
from tests.decisions.experiments import HALVES, ran, started
from tests.pipeline.loop import Loop, loop_at

EXPERIMENTS = "/api/v1/experiments"
BEGIN = datetime.now(UTC) - timedelta(days=3)
PEOPLE = 900


@pytest.fixture
def loop(wiring: Wiring, tmp_path: Any) -> Iterator[Loop]:
    built = loop_at(tmp_path, wiring.engine)
    built.teaching = Teaching(("thompson",))
    yield built
    built.stream.close()


@pytest.fixture
def reader(client: TestClient, headers: Headers) -> TestClient:
    client.headers.update(headers("campaigns:read"))
    return client


@pytest.fixture
def shown(wiring: Wiring, loop: Loop) -> tuple[StoredExperiment, list[str]]:
    """An experiment whose `linear` is better, and its people."""
    experiment = started(wiring.engine, BEGIN)
    return experiment, ran(loop, experiment, {"control": 0.15, "linear": 0.45}, PEOPLE, begin=BEGIN)


def test_a_better_arm_is_shipped_with_figures_and_a_page(
    reader: TestClient, wiring: Wiring, shown: tuple[StoredExperiment, list[str]]
) -> None:
    experiment, people = shown
    at = f"{EXPERIMENTS}/{experiment.experiment_id}/result"
    answer = reader.get(at)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["units"], told["decisions"], told["moved_units"]) == (PEOPLE, 2 * PEOPLE, 0)
    assert (told["state"], told["nothing_yet"]) == ("running", None)
    assert datetime.fromisoformat(told["since"]) == BEGIN
    assert told["result"]["decision"]["action"] == "ship"
    assert told["result"]["decision"]["arm"] == "linear"
    assert "looks" not in told["result"]["comparisons"][0]
    page = reader.get(f"{at}/page")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<strong>Ship linear</strong>" in page.text
    assert "<h1>Context</h1>" in page.text
    for text in (answer.text, page.text):
        assert not [each for each in people[:50] if each in text]
    entries = [entry for entry in _entries(wiring) if entry.action == "experiment.judge"]
    assert [(entry.resource.rpartition("experiments/")[2], entry.people.count) for entry in entries] == [
        ("{experiment_id}/result", PEOPLE),
        ("{experiment_id}/result/page", PEOPLE),
    ]


def test_goal_guard_rails_and_looks_are_asked_for(
    reader: TestClient, shown: tuple[StoredExperiment, list[str]]
) -> None:
    at = f"{EXPERIMENTS}/{shown[0].experiment_id}/result"
    asked = {"goal": "clicked:lower", "guard_rail": ["seen:0.9", "converted:0.5"], "alpha": 0.01, "looks": True}
    told = reader.get(at, params=asked).json()["result"]
    assert [(each["metric"], each["verdict"]) for each in told["comparisons"]] == [
        ("clicked", "worse"),
        ("seen", "passed"),
        ("converted", "open"),
    ]
    assert told["confidence"] == 0.99
    assert {"at", "units", "effect", "low", "high"} == set(told["comparisons"][0]["looks"][-1])
    swapped = reader.get(at, params={"control": "linear"}).json()["result"]
    assert (swapped["control"], swapped["comparisons"][0]["verdict"]) == ("linear", "worse")


WRONG: list[dict[str, Any]] = [
    {"goal": "PlantedValue"},
    {"goal": "clicked:mean"},
    {"goal": "clicked:0.1"},
    {"guard_rail": "seen"},
    {"guard_rail": "seen:1.5"},
    {"guard_rail": "seen:0.0"},
    {"guard_rail": ["seen:.1", "converted:.1", "clicked:.1"]},
    {"guard_rail": "clicked:0.1"},
    {"control": "PlantedValue"},
    {"alpha": "nan"},
    {"alpha": 0.5},
    {"planned_units": 0},
    {"PlantedValue": 1},
]


def test_a_wrong_question_is_refused(reader: TestClient, wiring: Wiring) -> None:
    experiment = started(wiring.engine, BEGIN)
    for params in WRONG:
        for path in ("result", "result/page"):
            answer = reader.get(f"{EXPERIMENTS}/{experiment.experiment_id}/{path}", params=params)
            assert answer.status_code == 422, params
            assert "PlantedValue" not in answer.text, params


def test_where_there_is_nothing_yet_it_is_said_why_and_nobody_is_recorded(
    client: TestClient, headers: Headers, wiring: Wiring
) -> None:
    client.headers.update(headers())
    body = {"name": "<b>Context</b>", "shares": dict(HALVES.shares), "treatments": dict(HALVES.treatments)}
    experiment_id = client.post(EXPERIMENTS, json=body).json()["experiment_id"]
    at = f"{EXPERIMENTS}/{experiment_id}/result"
    told = client.get(at).json()
    assert (told["state"], told["since"], told["units"], told["result"]) == ("draft", None, 0, None)
    assert told["nothing_yet"] == "it was not started yet"
    client.post(f"{EXPERIMENTS}/{experiment_id}/start")
    assert client.get(at).json()["nothing_yet"].startswith("nobody has taken part yet")
    page = client.get(f"{at}/page")
    assert (page.status_code, "Nothing to see yet: nobody" in page.text, "<b>Context" in page.text) == (
        200,
        True,
        False,
    )
    assert not [entry for entry in _entries(wiring) if entry.action == "experiment.judge"]


def test_it_is_for_the_tenant_and_scope_alone_and_those_who_are_gone_are_not_in_it(
    client: TestClient, headers: Headers, wiring: Wiring, shown: tuple[StoredExperiment, list[str]]
) -> None:
    experiment, people = shown
    at = f"{EXPERIMENTS}/{experiment.experiment_id}/result"
    token = issue_token(SECRET, subject="eve", tenant="other", scopes=["campaigns:read"])
    for path in (at, f"{at}/page"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=headers("campaigns:write")).status_code == 403
        assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 404
        assert client.get(path, headers=headers("campaigns:read")).status_code == 200
    with transaction(wiring.engine) as connection:
        for each in people[:100]:
            delete_subject(connection, each)
    assert client.get(at, headers=headers("campaigns:read")).json()["units"] == PEOPLE - 100

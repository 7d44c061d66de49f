"""Aggregates over the API: figures of enough people, refusals that say so, and a budget that holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from alphaads_pipelines.pipeline.aggregates import Released, release_groups
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring, wired
from api.app import create_app
from api.credentials import issue_token
from tests.api.conftest import SECRET, Headers
from tests.publishing import publish_everything

PATH = "/api/v1/aggregates"


def _release(wiring: Wiring) -> Released:
    least = wiring.settings.min_group_size
    return release_groups(wiring.engine, least=least, now=datetime.now(UTC), note=lambda _: None)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wiring, TestClient]]:
    """An installation that released its groups, and its service; one for all tests here."""
    home = tmp_path_factory.mktemp("aggregates") / "home"
    given = Settings(_env_file=None, environment="test", alphaads_home=home, secret_key=SECRET, min_group_size=5)
    with wired(given) as wiring:
        publish_everything(wiring)
        assert _release(wiring).groups > 0
        with TestClient(create_app(wiring), raise_server_exceptions=False) as client:
            yield wiring, client


@pytest.fixture
def released(installation: tuple[Wiring, TestClient], monkeypatch: pytest.MonkeyPatch) -> Wiring:
    """The installation; each test has its own settings."""
    wiring, _ = installation
    monkeypatch.setattr(wiring, "settings", wiring.settings.model_copy())
    return wiring


@pytest.fixture
def asking(installation: tuple[Wiring, TestClient], request: pytest.FixtureRequest) -> TestClient:
    """A client that may ask; each test is a tenant of its own."""
    _, client = installation
    tenant = request.node.name
    token = issue_token(SECRET, subject="tester", tenant=tenant, scopes=["analytics:read"])
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_figures_are_told_by_what_was_asked_for(asking: TestClient) -> None:
    answer = asking.get(PATH, params={"platforms": "generic", "by": ["platform", "period"]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["min_group_size"] == 5
    assert body["total"]["people_at_least"] >= 5
    assert body["total"]["posts"] == sum(row["posts"] for row in body["rows"]) > 0
    assert {row["key"]["platform"] for row in body["rows"]} == {"generic"}
    assert body["from_day"] < body["until_day"]
    assert asking.post(PATH, json={"platforms": ["generic"], "by": ["platform", "period"]}).json() == body


def test_what_is_about_too_few_is_refused_without_a_number(asking: TestClient) -> None:
    answer = asking.get(PATH, params={"platforms": "linkedin"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "group_too_small"
    both = asking.get(PATH, params={"platforms": ["generic", "linkedin"], "by": "platform"}).json()
    assert both["withheld"] == [{"platform": "linkedin"}]


def test_a_raised_least_group_holds_for_what_was_released_before(asking: TestClient, released: Wiring) -> None:
    released.settings.min_group_size = 10_000
    assert asking.get(PATH).status_code == 403


def test_before_anything_is_released_that_is_said(client: TestClient, headers: Headers) -> None:
    answer = client.get(PATH, headers=headers("analytics:read"))
    assert answer.status_code == 503
    assert "released_groups" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"by": "name"},
        {"by": ["platform", "language", "emotion"]},
        {"by": ["platform", "platform"]},
        {"from_day": "2026-11-02", "until_day": "2026-11-02"},
        {"from_day": "2026-11-02T10:00:00"},
        {"platforms": ["'; drop"]},
        {"hour": 3},
        {"epsilon": 1},
    ],
)
def test_wrong_questions_are_refused(asking: TestClient, query: dict[str, object]) -> None:
    assert asking.get(PATH, params=query).status_code == 422


@pytest.mark.parametrize("epsilon", [0, -1, 0.0005, 1.00001, 11])
def test_a_wrong_epsilon_is_refused_and_costs_nothing(asking: TestClient, epsilon: float) -> None:
    assert asking.post(PATH, json={"epsilon": epsilon}).status_code == 422
    assert asking.get(f"{PATH}/budget").json()["spent"] == 0


def test_noise_costs_its_epsilon_once_and_the_query_that_would_exceed_is_refused(
    asking: TestClient, released: Wiring
) -> None:
    released.settings.privacy_budget_epsilon = 2.5
    first = asking.post(PATH, json={"epsilon": 2.0, "by": ["platform"]})
    assert first.status_code == 200
    body = first.json()
    assert body["epsilon"] == 2.0
    assert len(body["rows"]) + len(body["withheld"]) >= 2, "every network has a row or is named as withheld"
    assert {"platform": "x"} in body["withheld"], "a row of nobody leaves but once in a billion"
    assert asking.post(PATH, json={"epsilon": 2.0, "by": ["platform"]}).json() == body
    budget = asking.get(f"{PATH}/budget").json()
    assert (budget["budget"], budget["spent"], budget["left"]) == (2.5, 2.0, 0.5)
    refused = asking.post(PATH, json={"epsilon": 0.501})
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "budget_spent"
    assert "0.5 left" in refused.json()["error"]["message"]
    assert asking.post(PATH, json={"epsilon": 0.5}).status_code == 200
    assert asking.get(f"{PATH}/budget").json()["left"] == 0


def test_exact_figures_cost_nothing(asking: TestClient) -> None:
    assert asking.post(PATH, json={}).status_code == 200
    assert asking.get(f"{PATH}/budget").json()["spent"] == 0


def test_every_question_is_recorded(asking: TestClient, released: Wiring) -> None:
    def entries() -> int:
        log = released.settings.audit_path
        return sum(path.read_bytes().count(b"aggregates.read") for path in log.rglob("*") if path.is_file())

    before = entries()
    asking.get(PATH)
    asking.post(PATH, json={})
    assert entries() == before + 2


def test_released_groups_hold_nobody(asking: TestClient, released: Wiring) -> None:
    with reading(released.engine) as connection:
        rows = connection.execute(sa.select(sql_table("released_groups"))).all()
        subjects = set(connection.execute(sa.select(sql_table("live_profiles").c.subject_id)).scalars())
    told = str([tuple(row) for row in rows])
    assert rows
    assert not any(subject in told for subject in subjects)

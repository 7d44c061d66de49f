"""Fast routes: supported parameters, and that a decision does not block other requests."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel

from alphaads_pipelines.decisions.budget.reservations import read_spending
from alphaads_pipelines.stores.sql.relational import transaction
from alphaads_pipelines.wiring.app import Wiring
from api.fast_route import FastRoute
from tests.api.conftest import Headers
from tests.catalogue_factories import advertise
from tests.decisions.campaigns import COST, campaign


class _In(BaseModel):
    number: int = 0


async def _path(request: Request) -> str:
    return request.url.path


async def _query(number: int) -> int:
    return number


async def _fast(body: _In, path: Annotated[str, Depends(_path)]) -> Response:
    return Response(f"{path} {body.number}")


def _no_coroutine(body: _In) -> Response:
    return Response()


async def _with_query(body: _In, number: int) -> Response:
    return Response()


async def _with_query_behind(body: _In, number: Annotated[int, Depends(_query)]) -> Response:
    return Response()


async def _without_body(path: Annotated[str, Depends(_path)]) -> Response:
    return Response()


def test_body_and_dependencies_reach_the_endpoint() -> None:
    app, router = FastAPI(), APIRouter(route_class=FastRoute)
    router.add_api_route("/here", _fast, methods=["POST"])
    app.include_router(router, prefix="/api")
    client = TestClient(app)
    assert client.post("/api/here", json={"number": 3}).text == "/api/here 3"
    assert client.post("/api/here", content=b"{}", headers={"content-type": "application/x+json"}).text == "/api/here 0"
    for sent in ({"content": b"{}"}, {"content": b"{", "headers": {"content-type": "application/json"}}, {}):
        assert client.post("/api/here", **sent).status_code == 422  # type: ignore[arg-type]
    answer = client.post("/api/here", json={"number": "x"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "number"])
    schema = client.get("/openapi.json").json()["paths"]["/api/here"]["post"]["requestBody"]
    assert schema["content"]["application/json"]["schema"]["$ref"].endswith("/_In")


@pytest.mark.parametrize("endpoint", [_no_coroutine, _with_query, _with_query_behind, _without_body])
def test_what_asks_for_more_is_refused_when_it_is_made(endpoint: object) -> None:
    with pytest.raises(TypeError, match="fast route"):
        APIRouter(route_class=FastRoute).add_api_route("/here", endpoint, methods=["POST"])  # type: ignore[arg-type]


def test_a_decision_that_has_to_wait_for_the_store_keeps_nobody_else_waiting(
    published: Wiring, client: TestClient, app: FastAPI, headers: Headers
) -> None:
    of, now = campaign(budget_microusd=100 * COST), datetime.now(UTC)
    advertise(published.engine, [("c-1", "neutral")], now, of=of)
    app.state.reader.refresh()
    answers = []

    def decide() -> None:
        answers.append(client.post("/api/v1/decisions", json={}, headers=headers()))

    decide()
    with transaction(published.engine):
        waiting = threading.Thread(target=decide)
        waiting.start()
        assert client.get("/health").status_code == 200
        waiting.join(0.3)
        assert waiting.is_alive(), "money is held before it is answered"
        assert client.get("/health").status_code == 200
    waiting.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["campaign_id"] for answer in answers] == [of.campaign_id] * 2
    assert read_spending(published.engine, [of.campaign_id], now.date())[of.campaign_id].used == 2 * COST

"""What the settings make of the service."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring
from api.app import create_app
from api.credentials import issue_token
from tests.api.conftest import SECRET

Build = Callable[..., TestClient]


@pytest.fixture
def build(settings: Settings) -> Build:
    def client(**changes: Any) -> TestClient:
        given = {**settings.model_dump(), "secret_key": SECRET, **changes}
        return TestClient(create_app(Wiring(Settings(_env_file=None, **given))))

    return client


def test_other_origins_get_in_only_by_name(build: Build) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    assert build().options("/api/v1/decisions", headers=asked).status_code == 405
    client = build(cors_origins="https://shop.example, https://other.example")
    allowed = client.options("/api/v1/decisions", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    refused = client.options("/api/v1/decisions", headers={**asked, "Origin": "https://shop.example.invalid"})
    assert "access-control-allow-origin" not in refused.headers


def test_documentation_can_be_left_out(build: Build) -> None:
    client = build(api_docs=False)
    for path in ("/api/docs", "/api/redoc", "/api/openapi.json"):
        assert client.get(path).status_code == 404


def test_production_asks_for_encrypted_transport(build: Build) -> None:
    assert "strict-transport-security" not in build().get("/health").headers
    assert "max-age" in build(environment="production").get("/health").headers["strict-transport-security"]


def test_what_it_asks_of_the_interpreter_while_it_serves_it_takes_back(build: Build) -> None:
    before = sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count()
    with build():
        assert sys.getswitchinterval() < before[0] and gc.get_threshold() > before[1]
    assert (sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count()) == before


@pytest.mark.parametrize("minutes", [0.0, -1.0, 61.0])
def test_a_token_lives_for_an_hour_at_most(minutes: float) -> None:
    with pytest.raises(InvalidRequest):
        issue_token(SECRET, subject="x", tenant="t", scopes=["health:read"], minutes=minutes)


def test_scopes_nobody_knows_are_not_given() -> None:
    with pytest.raises(InvalidRequest, match="unknown scopes: everything"):
        issue_token(SECRET, subject="x", tenant="t", scopes=["health:read", "everything"])

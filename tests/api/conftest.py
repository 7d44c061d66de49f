"""A service over a real embedded installation with a few published posts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from api.app import create_app
from api.credentials import SCOPES, issue_token
from tests.publishing import publish_everything

SECRET = "a-secret-for-tests-that-is-long-enough-000"


@pytest.fixture
def wiring(settings: Settings) -> Iterator[Wiring]:
    with wired(Settings(**{**settings.model_dump(), "secret_key": SECRET})) as built:
        yield built


@pytest.fixture
def published(wiring: Wiring) -> Wiring:
    publish_everything(wiring)
    return wiring


@pytest.fixture
def app(wiring: Wiring) -> FastAPI:
    return create_app(wiring)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        app.state.reader.refresh()
        yield client


Headers = Callable[..., dict[str, str]]


@pytest.fixture
def headers() -> Headers:
    def build(*scopes: str) -> dict[str, str]:
        token = issue_token(SECRET, subject="tester", tenant="acme", scopes=scopes or SCOPES)
        return {"Authorization": f"Bearer {token}"}

    return build

"""Real servers for the session; where one cannot be had its tests fail, they are never skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.servers import Kafka, Postgres, Redis

_FIXTURES = {"kafka_server", "postgres_server", "redis_server"}
_PARAMETERS = {"kafka", "kafka_python", "postgresql"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a server: by their fixtures, or by a parameter that names one."""
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        named = {each for each in parameters if isinstance(each, str)}
        if not _FIXTURES.isdisjoint(item.fixturenames) or not _PARAMETERS.isdisjoint(named):  # type: ignore[attr-defined]
            item.add_marker("server")


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[Kafka]:
    with Kafka() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with Redis() as server:
        yield server

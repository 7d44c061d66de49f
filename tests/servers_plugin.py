"""Real servers for the session; where one cannot be had its tests fail, they are never skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.servers import Kafka, Postgres, Redis


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

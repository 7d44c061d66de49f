"""Fixtures that every room shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging
from alphaads_pipelines.wiring import Wiring, wired

pytest_plugins = ["tests.servers_plugin"]
ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Log lines below a warning would bury what a test has to say."""
    configure_logging(level="WARNING")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "SOURCES.md").exists():
        pytest.fail(f"the real data of these tests lies in {folder.name}/ beside the checkout, and is not there")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty embedded home."""
    return Settings(_env_file=None, environment="test", alphaads_home=tmp_path / "home", sensor_wait_s=0.5)


@pytest.fixture
def wiring(settings: Settings) -> Iterator[Wiring]:
    """The domain objects of an empty embedded home."""
    with wired(settings) as built:
        yield built

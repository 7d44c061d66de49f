"""Fixtures that every room shares."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.runtime.in_process import InProcess

pytest_plugins = ["tests.databases_plugin", "tests.servers_plugin"]
ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Log lines below a warning would bury what a test has to say; property tests try the same examples every time."""
    configure_logging(level="WARNING")
    # A shell starts background jobs with SIGINT ignored. Dagster copies that to SIGTERM, and servers that tests start
    # would inherit it and never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None)
    hypothesis.settings.load_profile("seeded")


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


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose databases are made and empty: copying it costs a fraction of making it."""
    from resources.instance import prepare_home

    home = tmp_path_factory.mktemp("prepared") / "home"
    settings = Settings(_env_file=None, environment="test", alphaads_home=home)
    with pytest.MonkeyPatch.context() as patch, wired(settings) as wiring:
        _set_dagster_environment(patch, settings)
        _ = wiring.engine
        prepare_home(settings)
    return home


@pytest.fixture
def jobs(wiring: Wiring, prepared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    """The jobs of that home, run in this process against its own Dagster instance."""
    from alphaads_pipelines.runtime.in_process import in_process

    shutil.copytree(prepared_home, wiring.settings.alphaads_home)
    _set_dagster_environment(monkeypatch, wiring.settings)
    with in_process(wiring) as built:
        yield built


def _set_dagster_environment(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Opening an instance exports these; the next test must not see them."""
    for name, value in settings.dagster_environment.items():
        patch.setenv(name, value)

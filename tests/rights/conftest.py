"""Fixtures of tests of people's rights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alphaads_pipelines.rights.access.data_map import Sources
from alphaads_pipelines.rights.erasure.erasure import Erasure
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.rights.backups.backing_up import moved_to
from tests.rights.erasure.erasing import fill, settings_of


def sources_of(wiring: Wiring) -> Sources:
    """Where the people of an installation are held."""
    return Sources(wiring, lambda subject: ())


@pytest.fixture(scope="session")
def filled_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an installation with data of every person in every store; copy it."""
    folder = tmp_path_factory.mktemp("filled")
    fill(settings_of(folder))
    return folder


@pytest.fixture
def one(filled_installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """A filled installation; no other process holds anything of it, so an erasure settles at once."""
    monkeypatch.setattr(Erasure, "settle_until", lambda _, request: request.opened_at)
    shutil.copytree(filled_installation, tmp_path / "one")
    with wired(settings_of(tmp_path / "one")) as wiring:
        yield wiring


@pytest.fixture
def elsewhere(one: Wiring, tmp_path: Path) -> Callable[..., Settings]:
    """A new machine with the key file, the erasure journal and the key backups of the installation `one`."""

    def prepare(name: str = "two") -> Settings:
        new = settings_of(tmp_path / name)
        moved_to(one.settings, new)
        return new

    return prepare

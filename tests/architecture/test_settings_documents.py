"""Settings are written down once; the documents that name them may not drift."""

from __future__ import annotations

import re

import yaml

from alphaads_pipelines.settings import Settings
from tests.conftest import ROOT

FIELDS = {name.upper() for name in Settings.model_fields}


def test_env_example_holds_every_setting_and_no_other() -> None:
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == FIELDS


def test_env_example_loads_when_uncommented(tmp_path, monkeypatch) -> None:
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = [line[1:] for line in lines if re.match(r"^#[A-Z][A-Z0-9_]*=.+", line)]
    env = tmp_path / "env"
    env.write_text("\n".join(given))
    assert Settings(_env_file=env).model_dump() == Settings(_env_file=None).model_dump()


def test_compose_sets_only_declared_settings() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ours = [service for service in services.values() if "build" in service]
    assert ours, "no service of the compose file is built from this repository"
    for service in ours:
        assert set(service["environment"]) <= FIELDS


def test_compose_interpolates_only_declared_settings() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    assert used <= FIELDS | {"POSTGRES_PASSWORD"}

"""Environments: which settings each starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from alphaads_pipelines.errors import ConfigurationError
from resources.environments import settings_for


def test_each_environment_is_what_its_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    monkeypatch.setenv("ENVIRONMENT", "test")
    assert settings_for("local").environment == "local"
    assert settings_for("production").environment == "production"
    assert settings_for().environment == "test"


def test_the_test_environment_reads_no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTS_TOPIC=from.a.file\n")
    monkeypatch.chdir(tmp_path)
    assert settings_for("local").posts_topic == "from.a.file"
    assert settings_for("test").posts_topic == "posts.raw"


def test_production_refuses_the_secret_of_development(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(ValidationError, match="SECRET_KEY must be set in production"):
        settings_for("production")


def test_an_unknown_environment_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match=r"staging.*local, production, test"):
        settings_for("staging")


def test_production_has_no_sample_campaigns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    assert settings_for("local").sample_campaigns
    production = settings_for("production")
    assert not production.sample_campaigns
    assert production.process_environment["SAMPLE_CAMPAIGNS"] == "false"
    for said in ("false", "true"):
        monkeypatch.setenv("SAMPLE_CAMPAIGNS", said)
        assert not settings_for("production").sample_campaigns

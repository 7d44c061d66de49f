"""Logs."""

from __future__ import annotations

import io
import sys

import pytest

from alphaads_pipelines.telemetry import configure_logging, get_logger


def test_logs_go_to_the_stderr_of_the_moment_not_to_one_that_was_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_a_while = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", of_a_while)
        configure_logging(level="WARNING")
        get_logger("test").warning("then")
        assert "then" in of_a_while.getvalue()
    of_a_while.close()
    get_logger("test").warning("now")
    assert "now" in capsys.readouterr().err

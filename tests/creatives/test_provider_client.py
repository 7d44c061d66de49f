"""Parsing of the retry delay that providers ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alphaads_pipelines.creatives.provider_client import load_client, retry_after_s
from alphaads_pipelines.errors import MissingArtifact

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30"}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOON) == seconds


def test_a_client_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(MissingArtifact, match="language-models"):
        load_client("a_client_that_nobody_has_written")

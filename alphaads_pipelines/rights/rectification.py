"""Restrict and rectify, each recorded as a request that is answered immediately."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.rights.requests import Kind, RightsRequests
from alphaads_pipelines.stores.subjects.rectifications import rectify
from alphaads_pipelines.stores.subjects.restrictions import restrict


def restrict_subject(engine: Engine, subject_id: str, reason: str, correlation_id: str, now: datetime) -> None:
    """Stop the use of a subject's data, from the next decision on (article 18).

    Parameters
    ----------
    reason: one of RESTRICTION_REASONS.

    Raises
    ------
    InvalidRequest: no such reason; recorded as refused. StoreUnavailable: the request stays open.
    """
    with _recorded(engine, "restrict", subject_id, correlation_id, now):
        restrict(engine, subject_id, reason, now)


def rectify_subject(
    engine: Engine, subject_id: str, field: str, value: Any, correlation_id: str, now: datetime
) -> None:
    """Override an inferred value with the person's own (article 16).

    Parameters
    ----------
    field: a key of RECTIFIABLE. value: as described there, or None.

    Raises
    ------
    InvalidRequest: no such field or value; recorded as refused. StoreUnavailable: the request stays open.
    """
    with _recorded(engine, "rectify", subject_id, correlation_id, now):
        rectify(engine, subject_id, field, value, now)


@contextmanager
def _recorded(engine: Engine, kind: Kind, subject_id: str, correlation_id: str, now: datetime) -> Iterator[None]:
    requests = RightsRequests(engine)
    claimed = requests.claim(requests.open(kind, subject_id, correlation_id, now).request_id, now)
    try:
        yield
    except InvalidRequest:
        requests.finish(claimed, now, state="refused")
        raise
    requests.finish(claimed, now)

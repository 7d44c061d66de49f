"""Answer with noise: from the cache for free, else read, add noise, charge the budget, release."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine

from alphaads_pipelines.analytics.aggregates import Question
from alphaads_pipelines.analytics.noise import add_noise, bounded_sums, keys_of_rows
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.pipeline.aggregates import last_settled_day, read_activity
from alphaads_pipelines.pipeline.segments import read_segments
from alphaads_pipelines.stores.privacy_budget import read_budget, released_answer, spend

_MILLI = 1000
_FINEST = 1e-6


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of release.

    Parameters
    ----------
    tenant: owner of the budget. budget_milli: monthly epsilon in thousandths. least: minimum people per row.
    """

    tenant: str
    budget_milli: int
    least: int
    platforms: Sequence[str]


def in_milli(epsilon: float) -> int:
    """Epsilon in thousandths. Raises InvalidRequest unless a positive multiple of 0.001."""
    milli = round(epsilon * _MILLI)
    if milli < 1 or abs(epsilon * _MILLI - milli) > _FINEST:
        raise InvalidRequest("epsilon: must be a positive multiple of 0.001")
    return milli


def noisy_answer(engine: Engine, question: Question, epsilon: float, terms: Terms, now: datetime) -> dict[str, Any]:
    """Answer with noise from all settled days; repeats within a day are identical and free.

    A new question reads every live profile.

    Returns
    -------
    `noise.NoisyAnswer`, JSON-ready, with `until_day`: one past the last day.

    Raises
    ------
    InvalidRequest. BudgetSpent: costs more than is left. StoreUnavailable.
    """
    cost = in_milli(epsilon)
    until_day = last_settled_day(now)
    known = {"platform": sorted(terms.platforms), **_segments(engine)}
    keys = keys_of_rows(question, known)
    digest = _digest(question, cost, until_day, terms.least)
    if (before := released_answer(engine, terms.tenant, digest)) is not None:
        return before
    read_budget(engine, terms.tenant, terms.budget_milli, now).check(cost)
    sums = bounded_sums(read_activity(engine, until_day), question, keys)
    answer = msgspec.to_builtins(add_noise(sums, cost / _MILLI, terms.least)) | {"until_day": until_day.isoformat()}
    return spend(engine, terms.tenant, digest, answer, cost_milli=cost, whole_milli=terms.budget_milli, now=now)


def _segments(engine: Engine) -> dict[str, list[str]]:
    names = [each.segment_id for each in read_segments(engine).segments]
    return {"segment": names} if names else {}


def _digest(question: Question, cost: int, until_day: date, least: int) -> str:
    asked = [question.filters, question.from_day, question.until_day, question.by, cost, until_day, least]
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()

"""`/api/v1/aggregates`: statistics over at least MIN_GROUP_SIZE people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.analytics.aggregates import MOST_GROUPINGS, MOST_VALUES, Question, answer
from alphaads_pipelines.errors import StaleData
from alphaads_pipelines.msgspec_types import decoder
from alphaads_pipelines.pipeline.noisy_aggregates import Terms, noisy_answer
from alphaads_pipelines.platforms.registry import PLATFORMS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.privacy_budget import read_budget
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import Recorder, about_nobody, recorded
from api.credentials import Caller
from api.deps import WiringDep

router = APIRouter(tags=["aggregates"])
_to_question = decoder(Question)
Value = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Values = Annotated[list[Value], Field(max_length=MOST_VALUES)]
Grouping = Literal["platform", "language", "emotion", "segment", "period"]
_MILLI = 1000
_NOTHING_RELEASED = "nothing is released yet; the asset released_groups does it once a day"


class AggregateIn(BaseModel):
    """Filters and groupings; an empty list does not filter."""

    model_config = ConfigDict(extra="forbid")
    platforms: Values = []
    languages: Values = []
    emotions: Values = []
    segments: Values = []
    from_day: date | None = Field(None, description="Activity from this day (UTC) on.")
    until_day: date | None = Field(None, description="Activity before this day (UTC).")
    by: list[Grouping] = Field([], max_length=MOST_GROUPINGS, description="Rows for each value of these.")

    def question(self) -> Question:
        """Convert to the domain's question."""
        given = self.model_dump(exclude={"epsilon"})
        return _to_question(given)


class NoisyIn(AggregateIn):
    """The same, optionally with differential privacy."""

    epsilon: float | None = Field(
        None, gt=0, le=10, description="A multiple of 0.001: adds noise and is charged to the budget; null: no noise."
    )


class RowOut(BaseModel):
    """Statistics of a group; see `analytics.aggregates.Row`."""

    key: dict[str, str | None]
    people_at_least: int
    posts: int
    sentiment_mean: float | None
    emotion_shares: dict[str, float]
    hours: list[int]
    hours_untold: int
    weekdays: list[int]
    weekdays_untold: int


class NoisyRowOut(BaseModel):
    """Noisy statistics of a group; see `analytics.noise.NoisyRow`."""

    key: dict[str, str]
    people: int
    posts: int
    emotion_posts: dict[str, int]
    sentiment_mean: float


class AnswerOut(BaseModel):
    """Rows of whole groups; `withheld` lists the keys of suppressed rows, without a number."""

    total: RowOut
    rows: list[RowOut]
    withheld: list[dict[str, str]]
    from_day: date
    until_day: date
    version: int
    min_group_size: int


class NoisyAnswerOut(BaseModel):
    """Noisy rows, their cost, one person's largest contribution, and the error bound in 19 of 20 cases.

    Repeating the query within the day returns the same answer at no cost.
    """

    rows: list[NoisyRowOut]
    withheld: list[dict[str, str]]
    epsilon: float
    most_posts: int
    accuracy: dict[str, float]
    until_day: date


class BudgetOut(BaseModel):
    """The privacy budget of the caller's tenant this month (UTC)."""

    period: str
    budget: float
    spent: float
    left: float


@router.get("/aggregates", summary="Query aggregates")
def get_aggregates(
    query: Annotated[AggregateIn, Query()],
    wiring: WiringDep,
    caller: Annotated[Caller, scope("analytics:read")],
    recorder: Annotated[Recorder, recorded("aggregates.read", "analytics")],
) -> AnswerOut:
    """Return people, posts, emotions, sentiment and rhythm of released groups. 403: too small to publish."""
    recorder.record()
    return _exact(query, wiring)


@router.post("/aggregates", summary="Query aggregates, optionally with differential privacy")
def ask_aggregates(
    body: NoisyIn,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("analytics:read")],
    recorder: Annotated[Recorder, recorded("aggregates.read", "analytics")],
) -> AnswerOut | NoisyAnswerOut:
    """Query as with GET; `epsilon` adds differential privacy. 429, with the remainder: over budget."""
    recorder.record()
    if body.epsilon is None:
        return _exact(body, wiring)
    terms = _terms(wiring.settings, caller)
    said = noisy_answer(wiring.engine, body.question(), body.epsilon, terms, datetime.now(UTC))
    return NoisyAnswerOut.model_validate(said)


@router.get("/aggregates/budget", summary="Get the privacy budget")
@about_nobody
def get_budget(wiring: WiringDep, caller: Annotated[Caller, scope("analytics:read")]) -> BudgetOut:
    """Return this month's privacy budget of the caller's tenant."""
    whole = _terms(wiring.settings, caller).budget_milli
    budget = read_budget(wiring.engine, caller.tenant, whole, datetime.now(UTC))
    shown = {"budget": budget.whole_milli, "spent": budget.spent_milli, "left": budget.left_milli}
    return BudgetOut(period=budget.period, **{name: milli / _MILLI for name, milli in shown.items()})


def _terms(settings: Settings, caller: Caller) -> Terms:
    milli = round(settings.privacy_budget_epsilon * _MILLI)
    return Terms(caller.tenant, milli, settings.min_group_size, list(PLATFORMS))


def _exact(asked: AggregateIn, wiring: Wiring) -> AnswerOut:
    version, groups = wiring.released_groups.read()
    if version == 0:
        raise StaleData(_NOTHING_RELEASED)
    least = wiring.settings.min_group_size
    said: dict[str, Any] = msgspec.to_builtins(answer(groups, asked.question(), least=least, version=version))
    return AnswerOut(**said, min_group_size=least)

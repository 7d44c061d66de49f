"""Eligibility: a creative is drawn from only where every limit allows it, and what is left out says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from alphaads_pipelines.campaigns.campaign import PAUSED, Campaign
from alphaads_pipelines.creatives.tone import (
    CALM_TONES,
    FALLING,
    HIGH_VOLATILITY,
    RISING,
    TONES,
    JourneySummary,
)
from alphaads_pipelines.decisions.budget.pacing import COMMON, BudgetView, Line, Spending, is_limited
from alphaads_pipelines.decisions.eligibility import EligibilityIndex, Viewer
from alphaads_pipelines.schema.tables import EMOTIONS
from tests.decisions.campaigns import COST, NOON, campaign, creative

TEXTS = [creative("c-2"), creative("c-1"), creative("c-0", moderation="refused"), creative("c-3", emotion="neutral")]


def index(*campaigns: Campaign, creatives: list[dict[str, Any]] | None = None) -> EligibilityIndex:
    return EligibilityIndex.of(
        {each.campaign_id: each for each in campaigns}, TEXTS if creatives is None else creatives
    )


def viewer(**changed: Any) -> Viewer:
    return Viewer(**{"tenant": "acme", "now": NOON, "mood": "joy", "is_known": True, **changed})


def test_the_approved_creatives_of_the_mood_are_drawn_from_in_order() -> None:
    found = index(campaign()).eligible(viewer(), BudgetView({}))
    assert (list(found.creatives), found.left_out) == (["c-1", "c-2"], {})
    assert list(index(campaign()).eligible(viewer(mood=None), BudgetView({})).creatives) == ["c-3"], (
        "nothing known: neutral"
    )


def test_creatives_of_several_campaigns_stand_in_one_order() -> None:
    texts = [creative("b", "x"), creative("a", "y"), creative("c", "x")]
    found = index(campaign("y"), campaign("x"), creatives=texts).eligible(viewer(), BudgetView({}))
    assert list(found.creatives) == ["a", "b", "c"]


def test_a_tenant_never_sees_another_ones() -> None:
    texts = [creative("theirs", "tea", tenant="other")]
    assert index(campaign(), creatives=texts).eligible(viewer(), BudgetView({})).creatives == {}
    found = index(campaign()).eligible(viewer(tenant="other"), BudgetView({}))
    assert (found.creatives, found.left_out) == ({}, {})


def test_what_lost_its_approval_after_it_was_laid_out_is_not_served() -> None:
    text = creative("c-1")
    laid_out = index(campaign(), creatives=[text])
    text["moderation"] = "refused"
    assert laid_out.eligible(viewer(), BudgetView({})).left_out == {"tea": "no_creative"}


@pytest.mark.parametrize(
    ("changed", "seen_by", "why"),
    [
        ({"state": PAUSED}, {}, "not_running"),
        ({"starts_at": NOON + timedelta(seconds=1)}, {}, "not_running"),
        ({"ends_at": NOON}, {}, "not_running"),
        ({"unsafe_moods": ("joy",)}, {}, "unsafe_mood"),
        ({"unsafe_moods": ("neutral",)}, {"mood": None}, "unsafe_mood"),
        ({"emotions": ("anger",)}, {}, "emotion"),
        ({"emotions": ("joy",)}, {"mood": None}, "emotion"),
        ({"segments": ("night",)}, {"segment": "day"}, "segment"),
        ({"segments": ("night",)}, {}, "segment"),
        ({"daily_cap": 2}, {"shown": {"tea": 2}}, "cap"),
        ({"daily_cap": 2}, {"shown": None}, "unchecked"),
        ({"daily_budget_microusd": COST}, {"shown": None}, "unchecked"),
        ({"budget_microusd": COST - 1}, {}, "budget"),
        ({"daily_budget_microusd": 9 * COST, "segment_floors": {"night": 1.0}}, {}, "floor"),
        ({}, {"mood": "fear"}, "no_creative"),
    ],
)
def test_what_is_left_out_says_why(changed: dict[str, Any], seen_by: dict[str, Any], why: str) -> None:
    found = index(campaign(**changed)).eligible(viewer(**seen_by), BudgetView({}))
    assert (found.creatives, found.left_out) == ({}, {"tea": why})


@pytest.mark.parametrize(
    ("changed", "seen_by"),
    [
        ({"emotions": ("joy",), "segments": ("night",)}, {"segment": "night"}),
        ({"daily_cap": 2}, {"shown": {"tea": 1, "coffee": 9}}),
        ({"daily_cap": 2}, {"is_known": False, "shown": {}}),
        ({"daily_cap": 2}, {"is_known": False, "shown": None}),
        ({}, {"shown": None}),
        ({"budget_microusd": COST}, {}),
        ({"daily_budget_microusd": 9 * COST, "segment_floors": {"night": 1.0}}, {"segment": "night"}),
    ],
)
def test_what_no_limit_forbids_is_drawn_from(changed: dict[str, Any], seen_by: dict[str, Any]) -> None:
    assert list(index(campaign(**changed)).eligible(viewer(**seen_by), BudgetView({})).creatives) == ["c-1", "c-2"]


DISTRESSED = [JourneySummary(FALLING), JourneySummary(volatility=HIGH_VOLATILITY), JourneySummary(RISING, 1.4)]
CALM = [JourneySummary(), JourneySummary(RISING), JourneySummary("steady", HIGH_VOLATILITY - 0.01)]
LAID_OUT = index(campaign(), creatives=[creative(each, emotion=each, tone=TONES[each]) for each in EMOTIONS])


@pytest.mark.parametrize("mood", EMOTIONS)
@pytest.mark.parametrize("journey", [*DISTRESSED, *CALM], ids=str)
def test_people_whose_mood_falls_or_swings_meet_calm_texts_alone(mood: str, journey: JourneySummary) -> None:
    [found] = LAID_OUT.eligible(viewer(mood=mood, journey=journey), BudgetView({})).creatives.values()
    assert found["tone"] in CALM_TONES or journey in CALM
    assert (found["emotion"] == mood) == (journey in CALM or TONES[mood] in CALM_TONES)


def test_where_a_campaign_has_no_calm_text_they_are_left_in_peace() -> None:
    lively = index(campaign(), creatives=[creative("c", emotion="joy", tone="upbeat")])
    assert list(lively.eligible(viewer(), BudgetView({})).creatives) == ["c"]
    assert lively.eligible(viewer(journey=JourneySummary(FALLING)), BudgetView({})).left_out == {"tea": "no_creative"}


def test_what_the_snapshot_knows_to_be_spent_is_not_tried() -> None:
    of = campaign(budget_microusd=10 * COST, daily_budget_microusd=5 * COST)
    held = {"tea": Spending(NOON.date(), COST, {COMMON: Line(COST, 0.0, NOON)})}
    assert index(of).eligible(viewer(), BudgetView(held)).left_out == {"tea": "pacing"}
    assert index(of).eligible(viewer(now=NOON + timedelta(hours=11, minutes=46)), BudgetView(held)).left_out == {}
    assert index(of).eligible(viewer(), BudgetView({"tea": Spending(NOON.date(), 10 * COST)})).left_out == {
        "tea": "budget"
    }
    yesterday = {"tea": Spending((NOON - timedelta(days=1)).date(), COST, {COMMON: Line(COST, 0.0, NOON)})}
    assert index(of).eligible(viewer(), BudgetView(yesterday)).left_out == {}


def test_only_what_is_limited_needs_the_store() -> None:
    assert not is_limited(campaign(), is_known=True)
    assert is_limited(campaign(daily_cap=1), is_known=True)
    assert not is_limited(campaign(daily_cap=1), is_known=False), "a cap says nothing of nobody"
    assert is_limited(campaign(daily_budget_microusd=COST), is_known=False)


def test_what_the_money_of_a_campaign_says_is_found_out_once_a_look() -> None:
    of = campaign(daily_budget_microusd=5 * COST, segment_floors={"night": 0.5})
    held = {"tea": Spending(NOON.date(), COST, {COMMON: Line(COST, 0.0, NOON)})}
    budget_view, evening = BudgetView(held), NOON + timedelta(hours=11, minutes=46)
    assert budget_view.why_not(of, None, NOON) == budget_view.why_not(of, None, evening) == "pacing"
    assert budget_view.why_not(of, "night", NOON) is None, "each line has its own"
    assert BudgetView(held).why_not(of, None, evening) is None

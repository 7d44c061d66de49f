"""Campaigns: limits of every field, and transitions between states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alphaads_pipelines.campaigns.brand_rules import CampaignRules, Voice
from alphaads_pipelines.campaigns.campaign import (
    ACTIVE,
    DRAFT,
    ENDED,
    LONGEST_WORDS,
    MOST_CAP,
    MOST_MICROUSD,
    MOST_PHRASES,
    MOST_SEGMENTS,
    PAUSED,
    Campaign,
)
from alphaads_pipelines.creatives.briefs import briefs_of
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def campaign(**changes: Any) -> Campaign:
    given = {"campaign_id": "k1", "tenant": "acme", "name": "Spring", "product": "Lumora lamp"}
    return Campaign(**{**given, "benefit": "warm light", "call_to_action": "See it", **changes})


DAILY = {"cost_microusd": 1, "daily_budget_microusd": 10}
AT_THE_LIMIT: list[dict[str, Any]] = [
    {"name": "n" * LONGEST_WORDS},
    {"rules": CampaignRules(banned_claims=tuple(f"claim {each}" for each in range(MOST_PHRASES)))},
    {"segments": tuple(f"s{each}" for each in range(MOST_SEGMENTS))},
    {"cost_microusd": MOST_MICROUSD, "budget_microusd": MOST_MICROUSD, "daily_budget_microusd": 0},
    {"daily_cap": MOST_CAP},
    {**DAILY, "segments": ("a", "b"), "segment_floors": {"a": 0.5, "b": 0.5}},
    {**DAILY, "segment_floors": {"a": 1.0}},
    {"starts_at": NOON, "ends_at": NOON + timedelta(microseconds=1)},
    {"emotions": EMOTIONS, "unsafe_moods": EMOTIONS[1:]},
]


@pytest.mark.parametrize("changes", AT_THE_LIMIT, ids=lambda each: ",".join(each))
def test_what_is_just_allowed_is_a_campaign(changes: dict[str, Any]) -> None:
    assert briefs_of(campaign(**changes))


WRONG: list[tuple[dict[str, Any], str]] = [
    *(({name: "  "}, "must not be blank") for name in ("campaign_id", "tenant", "name", "product", "call_to_action")),
    ({"name": "n" * (LONGEST_WORDS + 1)}, "at most 200 characters"),
    ({"product": "lamp\0"}, "none of them hidden"),
    ({"benefit": "warm\u200blight"}, "none of them hidden"),
    ({"rules": CampaignRules(disclosures=("x" * 201,))}, "at most 200 characters"),
    ({"rules": CampaignRules(voice=Voice(manner="x" * 201))}, "at most 200 characters"),
    ({"rules": CampaignRules(voice=Voice(avoid=tuple(f"w{each}" for each in range(51))))}, "at most 50 phrases"),
    ({"state": "gone"}, "state must be one of draft, active, paused, ended"),
    ({"placement": "moon"}, "placement must be one of"),
    ({"emotions": ("bliss",)}, "must be among anger"),
    ({"unsafe_moods": ("bliss",)}, "must be among anger"),
    ({"emotions": ("joy",), "unsafe_moods": ("joy",)}, "nobody could be shown"),
    ({"segments": tuple(f"s{each}" for each in range(51))}, "segments must be at most 50"),
    ({"segments": ("s" * 65,)}, "of 1 to 64 characters"),
    ({"segments": ("",)}, "of 1 to 64 characters"),
    ({"segment_floors": {"s\0": 0.1}}, "of 1 to 64 characters"),
    ({"segments": ("a",), "segment_floors": {"b": 0.1}}, "must name segments of the audience"),
    ({"cost_microusd": -1}, "money must not be negative"),
    ({"cost_microusd": 1, "budget_microusd": MOST_MICROUSD + 1}, "nor above"),
    ({"budget_microusd": 5}, "needs the cost of an impression"),
    ({"daily_budget_microusd": 0}, "needs the cost of an impression"),
    ({"daily_cap": 0}, "daily_cap must be 1 to 1000"),
    ({"daily_cap": MOST_CAP + 1}, "daily_cap must be 1 to 1000"),
    *(({"segment_floors": {"a": share}}, "shares above 0") for share in (0.0, -0.1, 1.1, float("nan"), float("inf"))),
    ({"segment_floors": {"a": 0.6, "b": 0.6}}, "together at most 1"),
    ({"segment_floors": {"a": 0.5}}, "need a daily budget"),
    ({"starts_at": datetime(2026, 1, 1)}, "need a time zone"),
    ({"ends_at": datetime(1, 1, 1, tzinfo=UTC)}, "in the years 2000 to 2200"),
    ({"starts_at": NOON, "ends_at": NOON}, "ends_at must be after starts_at"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG, ids=lambda each: str(each)[:40])
def test_what_cannot_be_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        campaign(**changes)
    with pytest.raises(InvalidRequest, match=told):
        msgspec.structs.replace(campaign(), **changes)


def test_texts_are_written_for_the_moods_in_which_they_may_be_shown() -> None:
    assert campaign(emotions=("joy", "fear"), unsafe_moods=("fear", "anger")).audience == ("joy",)
    assert campaign(unsafe_moods=("fear",)).audience == tuple(each for each in EMOTIONS if each != "fear")
    rules = CampaignRules(disclosures=("Ad",))
    [brief] = briefs_of(campaign(emotions=("joy",), rules=rules, placement="meta_feed"))
    assert (brief.emotion, brief.placement, brief.rules) == ("joy", "meta_feed", rules)


def test_it_runs_while_it_is_active_and_within_its_window() -> None:
    windowed = campaign(state=ACTIVE, starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    moments = [-timedelta(microseconds=1), timedelta(0), timedelta(minutes=59), timedelta(hours=1)]
    assert [windowed.runs_at(NOON + each) for each in moments] == [False, True, True, False]
    assert campaign(state=ACTIVE).runs_at(NOON)
    assert not any(campaign(state=state).runs_at(NOON) for state in (DRAFT, PAUSED, ENDED))


WAYS = {(DRAFT, ACTIVE), (DRAFT, ENDED), (ACTIVE, PAUSED), (ACTIVE, ENDED), (PAUSED, ACTIVE), (PAUSED, ENDED)}


@pytest.mark.parametrize("before", [DRAFT, ACTIVE, PAUSED, ENDED])
@pytest.mark.parametrize("after", [DRAFT, ACTIVE, PAUSED, ENDED])
def test_states_follow_one_another_as_drawn(before: str, after: str) -> None:
    held = campaign(state=before, version=3)
    if (before, after) in WAYS:
        assert (held.with_state(after).state, held.with_state(after).version) == (after, 4)
    else:
        with pytest.raises(InvalidRequest, match=f"{before} cannot become {after}"):
            held.with_state(after)

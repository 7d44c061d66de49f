"""Campaigns, their validation and their states.

draft ──► active ◄──► paused
            │            │
            └──► ended ◄─┘      final
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from alphaads_pipelines.campaigns.brand_rules import NO_RULES, CampaignRules
from alphaads_pipelines.campaigns.placements import GOOGLE_SEARCH, LIMITS
from alphaads_pipelines.campaigns.text.normalisation import has_hidden_characters
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.msgspec_types import decoder
from alphaads_pipelines.schema.advertising_tables import CAMPAIGN_STATES
from alphaads_pipelines.schema.tables import EMOTIONS

DRAFT, ACTIVE, PAUSED, ENDED = CAMPAIGN_STATES
MICROUSD: Final = 1_000_000
"""Micro-dollars in a US dollar."""

LONGEST_WORDS: Final = 200
"""Limit of any text field, in characters."""

LONGEST_ID: Final = 64
MOST_PHRASES: Final = 50
MOST_SEGMENTS: Final = 50
MOST_MICROUSD: Final = 1_000_000_000 * MICROUSD
MOST_CAP: Final = 1_000
_FACTS: Final = ("product", "benefit", "call_to_action", "placement", "rules")
"""Fields of a brief (creatives/briefs.py)."""

_YEARS: Final = range(2000, 2201)
"""Other years are mistakes, and may overflow a database in UTC."""

_TRANSITIONS: Mapping[str, frozenset[str]] = {
    DRAFT: frozenset({ACTIVE, ENDED}),
    ACTIVE: frozenset({PAUSED, ENDED}),
    PAUSED: frozenset({ACTIVE, ENDED}),
    ENDED: frozenset(),
}


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's campaign. None means unlimited.

    Attributes
    ----------
    emotions, segments: of the audience; empty targets all people, also without a segment.
    unsafe_moods: its ads are not shown in these (brand safety).
    cost_microusd: per impression.
    daily_cap: impressions per person and UTC day.
    segment_floors: segment -> share of each budget reserved for it.
    starts_at, ends_at: serving window, end exclusive.
    version: counts edits.

    Raises
    ------
    InvalidRequest: invalid fields.
    """

    campaign_id: str
    tenant: str
    name: str
    product: str
    benefit: str
    call_to_action: str
    state: str = DRAFT
    placement: str = GOOGLE_SEARCH
    rules: CampaignRules = NO_RULES
    emotions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    unsafe_moods: tuple[str, ...] = ()
    cost_microusd: int = 0
    budget_microusd: int | None = None
    daily_budget_microusd: int | None = None
    daily_cap: int | None = None
    segment_floors: Mapping[str, float] = {}
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    version: int = 0

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise InvalidRequest(problem)

    @property
    def audience(self) -> tuple[str, ...]:
        """Emotions its ads may be shown for, in the order of EMOTIONS."""
        targeted = self.emotions or EMOTIONS
        return tuple(each for each in EMOTIONS if each in targeted and each not in self.unsafe_moods)

    def runs_at(self, now: datetime) -> bool:
        """Whether it may be served at `now`."""
        begun = self.starts_at is None or self.starts_at <= now
        return self.state == ACTIVE and begun and (self.ends_at is None or now < self.ends_at)

    def with_state(self, state: str) -> Campaign:
        """Copy the campaign into another state. Raises InvalidRequest for a forbidden transition."""
        if state not in _TRANSITIONS[self.state]:
            raise InvalidRequest(f"a campaign that is {self.state} cannot become {state}")
        return msgspec.structs.replace(self, state=state, version=self.version + 1)


to_campaign = decoder(Campaign)
"""Raises msgspec.ValidationError."""


def stale_emotions(before: Campaign, after: Campaign) -> set[str]:
    """Return emotions whose texts are stale: all if the brief changed, else those no longer targeted."""
    if any(getattr(before, name) != getattr(after, name) for name in _FACTS):
        return set(before.audience)
    return set(before.audience) - set(after.audience)


EDITABLE: Final = frozenset(Campaign.__struct_fields__) - {"campaign_id", "tenant", "state", "version"}


def parse_draft(fields: Mapping[str, Any], *, campaign_id: str, tenant: str) -> Campaign:
    """Parse EDITABLE fields from JSON values. Raises InvalidRequest for unknown, missing or invalid ones."""
    if not fields.keys() <= EDITABLE:
        raise InvalidRequest(f"fields of a campaign are {', '.join(sorted(EDITABLE))}")
    try:
        return to_campaign({**fields, "campaign_id": campaign_id, "tenant": tenant})
    except msgspec.ValidationError as error:  # names the path and the expected type, never a value
        raise InvalidRequest(str(error)) from None


def parse_changes(campaign: Campaign, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Parse some fields, for `edit_campaign`. Raises InvalidRequest like `parse_draft`."""
    current = {name: value for name, value in msgspec.to_builtins(campaign).items() if name in EDITABLE}
    changed = parse_draft({**current, **fields}, campaign_id=campaign.campaign_id, tenant=campaign.tenant)
    return {name: getattr(changed, name) for name in fields}


def _problems(campaign: Campaign) -> list[str]:
    """Describe invalid fields."""
    checks = {**_checks_of_words(campaign), **_checks_of_numbers(campaign)}
    wrong = [problem for problem, is_fine in checks.items() if not is_fine]
    if not wrong and campaign.starts_at and campaign.ends_at and campaign.ends_at <= campaign.starts_at:
        wrong.append("ends_at must be after starts_at")
    return wrong


def _checks_of_words(campaign: Campaign) -> dict[str, bool]:
    own = (campaign.campaign_id, campaign.tenant, campaign.name)
    words = (*own, campaign.product, campaign.benefit, campaign.call_to_action)
    voice = campaign.rules.voice
    lists = (campaign.rules.banned_claims, campaign.rules.disclosures, voice.avoid)
    segments = {*campaign.segments, *campaign.segment_floors}
    audience = {*campaign.emotions, *campaign.unsafe_moods}
    return {
        "id, tenant, name, product, benefit and call to action must not be blank": all(each.strip() for each in words),
        f"words must have at most {LONGEST_WORDS} characters each, none of them hidden": all(
            len(each) <= LONGEST_WORDS and not has_hidden_characters(each)
            for each in (*words, voice.manner, *(phrase for phrases in lists for phrase in phrases))
        ),
        f"rules must hold at most {MOST_PHRASES} phrases of a kind": all(len(each) <= MOST_PHRASES for each in lists),
        f"state must be one of {', '.join(CAMPAIGN_STATES)}": campaign.state in CAMPAIGN_STATES,
        f"placement must be one of {', '.join(LIMITS)}": campaign.placement in LIMITS,
        f"emotions and unsafe_moods must be among {', '.join(EMOTIONS)}": audience <= set(EMOTIONS),
        "every emotion of the audience is an unsafe mood, so nobody could be shown an ad": bool(campaign.audience),
        f"segments must be at most {MOST_SEGMENTS}, of 1 to {LONGEST_ID} characters": len(segments) <= MOST_SEGMENTS
        and all(each.strip() and len(each) <= LONGEST_ID and not has_hidden_characters(each) for each in segments),
        "segment_floors must name segments of the audience": not campaign.segments
        or set(campaign.segment_floors) <= set(campaign.segments),
    }


def _checks_of_numbers(campaign: Campaign) -> dict[str, bool]:
    budgets = [each for each in (campaign.budget_microusd, campaign.daily_budget_microusd) if each is not None]
    floors = campaign.segment_floors.values()
    window = [each for each in (campaign.starts_at, campaign.ends_at) if each is not None]
    return {
        f"money must not be negative, nor above {MOST_MICROUSD}": all(
            0 <= each <= MOST_MICROUSD for each in (campaign.cost_microusd, *budgets)
        ),
        "a campaign with a budget needs the cost of an impression": campaign.cost_microusd > 0 or not budgets,
        f"daily_cap must be 1 to {MOST_CAP}": campaign.daily_cap is None or 1 <= campaign.daily_cap <= MOST_CAP,
        "segment_floors must be shares above 0, together at most 1": all(0 < each <= 1 for each in floors)
        and sum(floors) <= 1 + 1e-9,
        "segment_floors need a daily budget, or a budget and ends_at: they are kept of a day's money": not floors
        or campaign.daily_budget_microusd is not None
        or (campaign.budget_microusd is not None and campaign.ends_at is not None),
        "starts_at and ends_at need a time zone": all(each.tzinfo is not None for each in window),
        f"starts_at and ends_at must be in the years {_YEARS[0]} to {_YEARS[-1]}": all(
            each.year in _YEARS for each in window
        ),
    }

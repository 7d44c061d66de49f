"""A campaign: what is advertised, to whom, within which limits; and which of it may be edited in which state.

    draft ──► active ◄──► paused
                │            │
                └──► ended ◄─┘      nothing of an ended campaign is served again

Pure; who keeps campaigns is campaign_store.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from alphaads_pipelines.campaign_tables import CAMPAIGN_STATES
from alphaads_pipelines.creatives.base import Brief
from alphaads_pipelines.creatives.limits import GOOGLE_SEARCH, LIMITS
from alphaads_pipelines.creatives.rules import NO_RULES, CampaignRules
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.tables import EMOTIONS

DRAFT, ACTIVE, PAUSED, ENDED = CAMPAIGN_STATES
MICROUSD: Final = 1_000_000
"""Millionths in a US dollar."""

_MOVES: Mapping[str, frozenset[str]] = {
    DRAFT: frozenset({ACTIVE, ENDED}),
    ACTIVE: frozenset({PAUSED, ENDED}),
    PAUSED: frozenset({ACTIVE, ENDED}),
    ENDED: frozenset(),
}


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign of one tenant. Money is in millionths of a US dollar.

    Attributes
    ----------
    emotions, segments: of the audience; empty means everybody, for segments also people of none.
    unsafe_moods: in these nobody is shown these ads (brand safety).
    cost_microusd: of one impression. budget_microusd, daily_budget_microusd: None where none is kept.
    daily_cap: impressions for one person in a UTC day; None: any number.
    segment_floors: segment -> share of each budget that is kept for its people.
    starts_at, ends_at: from when and until when it may be served; None is no bound.
    version: counts edits.

    Raises
    ------
    InvalidRequest: what it says cannot be.
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
        """Emotions that texts are written for, in the order of EMOTIONS: those in which its ads may be shown."""
        wanted = self.emotions or EMOTIONS
        return tuple(each for each in EMOTIONS if each in wanted and each not in self.unsafe_moods)

    def runs_at(self, now: datetime) -> bool:
        """Whether it may be served then."""
        begun = self.starts_at is None or self.starts_at <= now
        return self.state == ACTIVE and begun and (self.ends_at is None or now < self.ends_at)

    def briefs(self) -> list[Brief]:
        """One brief per emotion of the audience."""
        return [
            Brief(
                self.campaign_id,
                self.product,
                self.benefit,
                emotion,
                self.call_to_action,
                placement=self.placement,
                rules=self.rules,
            )
            for emotion in self.audience
        ]

    def moved(self, state: str) -> Campaign:
        """The campaign in another state. Raises InvalidRequest where that way is closed."""
        if state not in _MOVES[self.state]:
            raise InvalidRequest(f"a campaign that is {self.state} cannot become {state}")
        return msgspec.structs.replace(self, state=state, version=self.version + 1)


def _problems(campaign: Campaign) -> list[str]:
    """What is wrong, in sentences; the first is told."""
    texts = (campaign.campaign_id, campaign.tenant, campaign.name, campaign.product, campaign.benefit)
    money = (campaign.cost_microusd, campaign.budget_microusd or 0, campaign.daily_budget_microusd or 0)
    floors = campaign.segment_floors.values()
    window = (campaign.starts_at, campaign.ends_at)
    checks = {
        "id, tenant, name, product, benefit and call to action must not be blank": all(
            each.strip() for each in (*texts, campaign.call_to_action)
        ),
        f"state must be one of {', '.join(CAMPAIGN_STATES)}": campaign.state in CAMPAIGN_STATES,
        f"placement must be one of {', '.join(LIMITS)}": campaign.placement in LIMITS,
        f"emotions and unsafe_moods must be among {', '.join(EMOTIONS)}": {*campaign.emotions, *campaign.unsafe_moods}
        <= set(EMOTIONS),
        "every emotion of the audience is an unsafe mood, so nobody could be shown an ad": bool(campaign.audience),
        "money must not be negative": all(each >= 0 for each in money),
        "a campaign with a budget needs the cost of an impression": campaign.cost_microusd > 0
        or (campaign.budget_microusd is None and campaign.daily_budget_microusd is None),
        "daily_cap must be 1 or more": campaign.daily_cap is None or campaign.daily_cap >= 1,
        "segment_floors must be shares above 0, together at most 1": all(0 < each <= 1 for each in floors)
        and sum(floors) <= 1 + 1e-9,
        "segment_floors must name segments of the audience": not campaign.segments
        or set(campaign.segment_floors) <= set(campaign.segments),
        "starts_at and ends_at need a time zone": all(each is None or each.tzinfo is not None for each in window),
    }
    wrong = [problem for problem, is_fine in checks.items() if not is_fine]
    if not wrong and campaign.starts_at and campaign.ends_at and campaign.ends_at <= campaign.starts_at:
        wrong.append("ends_at must be after starts_at")
    return wrong

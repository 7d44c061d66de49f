"""`/api/v1/campaigns`: the tenant's campaigns. Servers apply edits with their next poll."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alphaads_pipelines.campaigns.campaign import (
    ACTIVE,
    EDITABLE,
    ENDED,
    LONGEST_ID,
    LONGEST_WORDS,
    MOST_CAP,
    MOST_MICROUSD,
    MOST_PHRASES,
    MOST_SEGMENTS,
    PAUSED,
    Campaign,
    parse_draft,
)
from alphaads_pipelines.campaigns.placements import GOOGLE_SEARCH, LIMITS
from alphaads_pipelines.campaigns.store import (
    create_campaign,
    edit_campaign,
    list_campaigns,
    read_campaign,
    set_campaign_state,
)
from alphaads_pipelines.schema.tables import EMOTIONS
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import WiringDep
from api.pagination import After, IdPath, Limit, next_page

router = APIRouter(tags=["campaigns"])
Words = Annotated[str, Field(min_length=1, max_length=LONGEST_WORDS)]
Phrases = Annotated[list[Words], Field(max_length=MOST_PHRASES)]
Emotions = Annotated[list[str], Field(max_length=len(EMOTIONS), examples=[["joy", "surprise"]])]
Segment = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
Money = Annotated[int, Field(ge=0, le=MOST_MICROUSD, description="Millionths of a US dollar.")]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
State = Literal["draft", "active", "paused", "ended"]
Reader = Annotated[Caller, scope("campaigns:read")]
Writer = Annotated[Caller, scope("campaigns:write")]


class VoiceIn(BaseModel):
    """The brand's voice: `manner` instructs the generator, the rest is checked in every text."""

    model_config = ConfigDict(extra="forbid")
    manner: str = Field("", max_length=LONGEST_WORDS)
    avoid: Phrases = []
    exclamations: bool = True
    emoji: bool = True


class RulesIn(BaseModel):
    """Claims banned from texts, required disclosures and the brand's voice."""

    model_config = ConfigDict(extra="forbid")
    banned_claims: Phrases = []
    disclosures: Phrases = []
    voice: VoiceIn = VoiceIn()


class CampaignIn(BaseModel):
    """A campaign. Texts are generated from product, benefit and call to action, per emotion of the audience."""

    model_config = ConfigDict(extra="forbid")
    name: Words
    product: Words
    benefit: Words
    call_to_action: Words
    placement: str = Field(GOOGLE_SEARCH, max_length=LONGEST_ID, description=f"One of {', '.join(LIMITS)}.")
    rules: RulesIn = RulesIn()
    emotions: Emotions = Field([], description="Target emotions; empty: all.")
    segments: list[Segment] = Field(
        [], max_length=MOST_SEGMENTS, description="Empty: everyone, also people without a segment."
    )
    unsafe_moods: Emotions = Field([], description="Moods in which its ads are not shown.")
    cost_microusd: Money = Field(0, description="Per impression, in millionths of a US dollar.")
    budget_microusd: Money | None = Field(None, description="For the whole campaign; null: unlimited.")
    daily_budget_microusd: Money | None = Field(None, description="Per UTC day; null: unlimited.")
    daily_cap: int | None = Field(None, ge=1, le=MOST_CAP, description="Impressions per person and UTC day.")
    segment_floors: dict[Segment, Share] = Field(
        {}, max_length=MOST_SEGMENTS, description="Segment -> share of each day's budget reserved for it."
    )
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = Field(None, description="Exclusive end.")


class CampaignEdit(CampaignIn):
    """The complete new campaign, and the version that was edited."""

    version: int = Field(ge=0)


class Decided(BaseModel):
    """The version that the change was based on; null: any."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(None, ge=0)


class CampaignOut(CampaignIn):
    """A campaign as stored; `version` counts its edits."""

    campaign_id: str
    state: State
    version: int


class CampaignsOut(BaseModel):
    """A page, by id; `next` is the `after` of the next page, null on the last."""

    campaigns: list[CampaignOut]
    next: str | None


def _shown(campaign: Campaign) -> CampaignOut:
    fields = msgspec.to_builtins(campaign, builtin_types=(datetime,))
    del fields["tenant"]
    return CampaignOut(**fields)


@router.post("/campaigns", status_code=201, summary="Draft a campaign")
@about_nobody
def post_campaign(body: CampaignIn, wiring: WiringDep, caller: Writer) -> CampaignOut:
    """Draft a campaign. It is served once it is resumed and its texts are generated and approved."""
    campaign = parse_draft(body.model_dump(), campaign_id=uuid.uuid4().hex, tenant=caller.tenant)
    return _shown(create_campaign(wiring.engine, campaign, datetime.now(UTC)))


@router.get("/campaigns", summary="List campaigns")
@about_nobody
def get_campaigns(
    wiring: WiringDep, caller: Reader, state: State | None = None, after: After = None, limit: Limit = 100
) -> CampaignsOut:
    """List a page of campaigns by id, optionally of one state."""
    found = list_campaigns(wiring.engine, caller.tenant, state=state, after=after or "", limit=limit)
    campaigns = [_shown(each) for each in found]
    return CampaignsOut(campaigns=campaigns, next=next_page([each.campaign_id for each in campaigns], limit))


@router.get("/campaigns/{campaign_id}", summary="Get a campaign")
@about_nobody
def get_campaign(campaign_id: IdPath, wiring: WiringDep, caller: Reader) -> CampaignOut:
    """Return one of the caller's campaigns."""
    return _shown(read_campaign(wiring.engine, caller.tenant, campaign_id))


@router.put("/campaigns/{campaign_id}", summary="Edit a campaign")
@about_nobody
def put_campaign(campaign_id: IdPath, body: CampaignEdit, wiring: WiringDep, caller: Writer) -> CampaignOut:
    """Replace a campaign. 409: edited since `version`. If its brief changes, its old texts are withdrawn at once."""
    wanted = parse_draft(body.model_dump(exclude={"version"}), campaign_id=campaign_id, tenant=caller.tenant)
    changes = {name: getattr(wanted, name) for name in EDITABLE}
    now = datetime.now(UTC)
    return _shown(edit_campaign(wiring.engine, caller.tenant, campaign_id, changes, version=body.version, now=now))


@router.post("/campaigns/{campaign_id}/pause", summary="Pause a campaign")
@about_nobody
def pause_campaign(campaign_id: IdPath, wiring: WiringDep, caller: Writer, body: Decided | None = None) -> CampaignOut:
    """Pause the campaign; each server stops serving it with its next poll."""
    return _moved(wiring, caller, campaign_id, PAUSED, body)


@router.post("/campaigns/{campaign_id}/resume", summary="Start or resume a campaign")
@about_nobody
def resume_campaign(campaign_id: IdPath, wiring: WiringDep, caller: Writer, body: Decided | None = None) -> CampaignOut:
    """Serve the campaign's approved texts; the asset `ad_creatives` generates those of a draft."""
    return _moved(wiring, caller, campaign_id, ACTIVE, body)


@router.post("/campaigns/{campaign_id}/end", summary="End a campaign for good")
@about_nobody
def end_campaign(campaign_id: IdPath, wiring: WiringDep, caller: Writer, body: Decided | None = None) -> CampaignOut:
    """End the campaign; it is kept for past decisions, and cannot be resumed or edited."""
    return _moved(wiring, caller, campaign_id, ENDED, body)


def _moved(wiring: WiringDep, caller: Caller, campaign_id: str, state: str, body: Decided | None) -> CampaignOut:
    seen, now = body.version if body else None, datetime.now(UTC)
    return _shown(set_campaign_state(wiring.engine, caller.tenant, campaign_id, state, now=now, version=seen))

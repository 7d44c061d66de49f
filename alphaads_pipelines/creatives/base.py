"""The base class of ad text generators."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from alphaads_pipelines.campaigns.brand_rules import NO_RULES, CampaignRules
from alphaads_pipelines.campaigns.placements import GOOGLE_SEARCH, LIMITS
from alphaads_pipelines.creatives.llm_budget import Price
from alphaads_pipelines.creatives.tone import STEADY, JourneySummary
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS


@dataclass(frozen=True, slots=True)
class Brief:
    """An ad's brief: a campaign's facts, and its audience's emotion.

    The emotion is a validated enum with two scores, so no post can reach a language model.

    Parameters
    ----------
    emotion: one of EMOTIONS. placement: one of LIMITS.

    Raises
    ------
    InvalidRequest: unknown emotion or placement.
    """

    campaign_id: str
    product: str
    benefit: str
    emotion: str
    call_to_action: str
    journey: JourneySummary = STEADY
    placement: str = GOOGLE_SEARCH
    rules: CampaignRules = NO_RULES

    def __post_init__(self) -> None:
        if self.emotion not in EMOTIONS:
            raise InvalidRequest("emotion is none of " + ", ".join(EMOTIONS))
        if self.placement not in LIMITS:
            raise InvalidRequest("placement is none of " + ", ".join(LIMITS))


@dataclass(frozen=True, slots=True)
class Creative:
    """A rendered ad.

    `creative_id` hashes campaign, emotion, tone, text and placement: equal texts are one arm, and a new text needs a
    new approval.
    """

    creative_id: str
    campaign_id: str
    emotion: str
    tone: str
    headline: str
    body: str
    call_to_action: str
    generator: str
    placement: str = GOOGLE_SEARCH


def render(brief: Brief, tone: str, headline: str, body: str, generator: str) -> Creative:
    """Build a creative, with the campaign's disclosures appended to the body."""
    body = " ".join((body, *brief.rules.disclosures))
    parts = (brief.campaign_id, brief.emotion, tone, headline, body, brief.call_to_action)
    creative_id = "c" + hashlib.sha256("\0".join((*parts, brief.placement)).encode()).hexdigest()[:15]
    return Creative(creative_id, *parts, generator, brief.placement)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a generator; only language models read them.

    Parameters
    ----------
    base_url: None is the provider's public address.
    budget_usd: limit per generator, which lives for one run.
    calls_per_creative: paid responses before falling back to the template.
    attempts: per call, while the provider is busy or unreachable.
    first_wait_s: before the first retry; doubles, unless the provider sends a delay.
    call_limit_s, run_limit_s: timeouts of one attempt, and of all together.
    output_tokens: limit per response, hidden reasoning included.
    cache: folder of responses; None is in memory.
    """

    api_key: str | None = field(default=None, repr=False)
    model: str = ""
    base_url: str | None = None
    price: Price | None = None
    budget_usd: float = 1.0
    calls_per_creative: int = 3
    attempts: int = 3
    first_wait_s: float = 0.5
    call_limit_s: float = 30.0
    run_limit_s: float = 300.0
    output_tokens: int = 2_000
    cache: Path | None = None


class Generator(ABC):
    """Writes creatives for a brief."""

    def __init__(self, options: Options | None = None) -> None:
        """Raises ConfigurationError for a missing option, MissingArtifact for a missing package."""
        self.options = options or Options()

    @property
    @abstractmethod
    def name(self) -> str:
        """Versioned: texts change only with it."""

    @abstractmethod
    def generate(self, brief: Brief) -> list[Creative]:
        """Write creatives within limits, rules and tone, deterministically; empty if no text fits."""

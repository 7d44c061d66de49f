"""What every generator of ad texts offers. It gets enums and scores, never a post."""

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
    """What an ad is written from: a campaign's facts, and the emotion of its audience as an enum and two scores.

    There is no field for anything a person wrote, and the enums are checked, so a post cannot reach a language model
    through a brief.

    Parameters
    ----------
    product, benefit, call_to_action: the advertiser's own words.
    emotion: one of EMOTIONS.
    placement: one of limits.LIMITS.

    Raises
    ------
    InvalidRequest: the emotion or the placement is none that we know.
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

    `creative_id` is a hash of campaign, emotion, tone, text and placement: the same text, the same arm; another text
    is another creative, so no approval outlives the text it was given for.
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
    """The creative of a brief with these words, the campaign's disclosures added to them."""
    body = " ".join((body, *brief.rules.disclosures))
    parts = (brief.campaign_id, brief.emotion, tone, headline, body, brief.call_to_action)
    creative_id = "c" + hashlib.sha256("\0".join((*parts, brief.placement)).encode()).hexdigest()[:15]
    return Creative(creative_id, *parts, generator, brief.placement)


@dataclass(frozen=True, slots=True)
class Options:
    """What a generator may be told when it is built; one that calls nobody reads none of it.

    Parameters
    ----------
    api_key: of the provider; never shown. model: the provider's name of it.
    base_url: where the provider answers; None is its public address.
    price: of the model; a budget cannot be kept without.
    budget_usd: what this generator may spend in its life, one run, at most.
    calls_per_creative: answers that may be paid for until one is valid; then the template is used.
    attempts: of one call, when the provider is busy or out of reach.
    first_wait_s: before the second attempt; it doubles, unless the provider says how long.
    call_limit_s, run_limit_s: time that one attempt, and all of them together, may take.
    output_tokens: most tokens of one answer, hidden reasoning included.
    cache: folder that keeps the answers; None keeps them as long as the generator lives.
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
        """Raises ConfigurationError if an option is missing, MissingArtifact if a package is."""
        self.options = options or Options()

    @property
    @abstractmethod
    def name(self) -> str:
        """Who writes, and in which version: a change of it may change the texts."""

    @abstractmethod
    def generate(self, brief: Brief) -> list[Creative]:
        """One or more creatives within the placement's limits, the campaign's rules and the tone; none if no text is.

        The same brief gives the same creatives.
        """

"""A campaign's rules for its texts: banned claims, required disclosures, and the brand's voice."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import literal_phrases
from alphaads_pipelines.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Voice:
    """A brand's voice; `manner` is a hint for generators, the rest is enforced."""

    manner: str = ""
    avoid: tuple[str, ...] = ()
    exclamations: bool = True
    emoji: bool = True


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """Brand rules; disclosures are appended to the body in order.

    Raises
    ------
    InvalidRequest: a blank phrase, which would ban everything or require nothing.
    """

    banned_claims: tuple[str, ...] = ()
    disclosures: tuple[str, ...] = ()
    voice: Voice = Voice()

    def __post_init__(self) -> None:
        for name, phrases in (
            ("banned_claims", self.banned_claims),
            ("disclosures", self.disclosures),
            ("voice.avoid", self.voice.avoid),
        ):
            if not all(_normalised_words(phrase) for phrase in phrases):
                raise InvalidRequest(f"{name} holds a blank phrase")


NO_RULES = CampaignRules()


def broken_rules(text: str, rules: CampaignRules) -> list[str]:
    """List the rules that a rendered text breaks, as stable codes."""
    read = _normalised_words(text)
    found = []
    if literal_phrases(rules.banned_claims).found_in(text):
        found.append("campaign_claim")
    if not all(_contains_phrase(read, disclosure) for disclosure in rules.disclosures):
        found.append("missing_disclosure")
    if _is_off_brand(text, rules.voice):
        found.append("off_brand")
    return found


def _is_off_brand(text: str, voice: Voice) -> bool:
    shouts = not voice.exclamations and "!" in skeleton(text)
    pictures = not voice.emoji and any(unicodedata.category(each) == "So" for each in text)
    return shouts or pictures or literal_phrases(voice.avoid).found_in(text)


def _contains_phrase(read: str, phrase: str) -> bool:
    """Match literally: required text must not be disguised."""
    return re.search(rf"(?<!\w){re.escape(_normalised_words(phrase))}(?!\w)", read) is not None


def _normalised_words(text: str) -> str:
    """Skeleton with hyphens as spaces: "risk-free" is "risk free"."""
    return " ".join(skeleton(text).replace("-", " ").split())

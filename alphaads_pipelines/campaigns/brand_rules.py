"""A campaign's own rules for its texts: what it may not claim, what it must say, how the brand speaks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import literal_phrases
from alphaads_pipelines.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Voice:
    """How a brand speaks.

    Parameters
    ----------
    manner: for whoever writes; nothing checks it.
    avoid: words and phrases that the brand never uses. exclamations, emoji: whether it does. These are checked.
    """

    manner: str = ""
    avoid: tuple[str, ...] = ()
    exclamations: bool = True
    emoji: bool = True


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """Banned claims, required disclosures (added to the body, in this order), and the brand's voice.

    Raises
    ------
    InvalidRequest: a phrase is blank; it would forbid everything or ask for nothing.
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
    """Which of the campaign's rules the rendered text breaks: stable codes."""
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
    """In plain sight: what must be said may not be hidden as what must not be said is."""
    return re.search(rf"(?<!\w){re.escape(_normalised_words(phrase))}(?!\w)", read) is not None


def _normalised_words(text: str) -> str:
    """As it is read, with a hyphen no other than a space: "risk-free" is "risk free"."""
    return " ".join(skeleton(text).replace("-", " ").split())

"""What every generator of ad texts offers. It gets enums and scores, never a post."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Brief:
    """What an ad is written from: a campaign's facts and the emotion of its audience."""

    campaign_id: str
    product: str
    benefit: str
    emotion: str
    call_to_action: str


@dataclass(frozen=True, slots=True)
class Creative:
    """A rendered ad. `creative_id` is a hash of campaign, emotion, tone and text: the same text, the same arm."""

    creative_id: str
    campaign_id: str
    emotion: str
    tone: str
    headline: str
    body: str
    call_to_action: str
    generator: str


class Generator(ABC):
    """Writes creatives for a brief."""

    name: ClassVar[str]

    @abstractmethod
    def generate(self, brief: Brief) -> list[Creative]:
        """One or more creatives, within the length limits; the same brief gives the same creatives."""

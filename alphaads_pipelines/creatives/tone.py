"""How people are spoken to: the tone follows their emotion and its journey, and distress is never exploited.

People are in distress when they are angry, disgusted, afraid or sad, when their mood falls, or when it swings widely.
To them only calm tones are used: nothing urgent, nothing scarce, no exclamation. Nobody is told how they feel.
The words are English; what other languages say is left to the models and to people (moderation.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import Phrases
from alphaads_pipelines.errors import InvalidRequest

RISING, STEADY_TREND, FALLING = TRENDS = ("rising", "steady", "falling")

HIGH_VOLATILITY = 0.5
"""A quarter of the scale: as if the mood of each hour crossed from mildly good to mildly bad, or back."""

TONES = {
    "anger": "calm",
    "disgust": "calm",
    "fear": "reassuring",
    "joy": "upbeat",
    "neutral": "plain",
    "sadness": "gentle",
    "surprise": "curious",
}
CALM_TONES = frozenset({"calm", "reassuring", "gentle"})

_DISTRESS = frozenset({"anger", "disgust", "fear", "sadness"})
_URGENCY = Phrases(
    "hurry", "now or never", "last chance", "only today", "today only", "act now", "act fast", "order now", "buy now",
    "limited time", "urgent", "don't miss", "do not miss", "don't wait", "do not wait", "before it's too late",
    "before it is too late", "offer ends", "offer expires", "sale ends", "sale expires", "ends today", "ends tonight",
    "ends soon", "final hour", "final hours", "final day", "final days", "deadline", "immediately",
    "right now", unbroken=("countdown",),
)  # fmt: skip
_SCARCITY = Phrases(
    *(f"{few} {many} {left}" for few in ("only", "just") for many in ("#", "a few", "one", "two", "three")
      for left in ("left", "remain", "remaining")),
    "few left", "while stock lasts", "while stocks last", "while supplies last", "selling fast", "selling quickly",
    "selling out fast", "selling out quickly", "going fast", "almost gone", "almost sold out", "nearly gone",
    "nearly sold out", "running out", "limited stock", "limited supply", "limited supplies", "limited edition",
    "limited availability", "limited offer", "last few", "last one", "last ones", "last piece", "last pieces",
    "before it's gone", "before it is gone", "before they're gone", "before they are gone",
)  # fmt: skip
_FEELINGS = Phrases(
    "sad", "sadness", "lonely", "loneliness", "afraid", "fear", "fears", "fearful", "scared", "frightened", "angry",
    "anger", "furious", "depressed", "depression", "anxious", "anxiety", "despair", "grief", "grieving",
    "worried", "worries", "unhappy", "miserable", "heartbroken", "stressed",
    unbroken=("hopeless", "upset"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JourneySummary:
    """Where an audience's mood is going.

    Parameters
    ----------
    trend: one of TRENDS.
    volatility: as of profiles.journey, 0 to 2; None where nobody can say.

    Raises
    ------
    InvalidRequest: one of them is out of its range.
    """

    trend: str = STEADY_TREND
    volatility: float | None = None

    def __post_init__(self) -> None:
        if self.trend not in TRENDS:
            raise InvalidRequest("trend is none of " + ", ".join(TRENDS))
        if self.volatility is not None and not 0 <= self.volatility <= 2:
            raise InvalidRequest("volatility is not between 0 and 2")


STEADY = JourneySummary()


def in_distress(emotion: str, journey: JourneySummary = STEADY) -> bool:
    """Whether people of this mood are to be left in peace; an emotion nobody knows counts as distress."""
    swings = journey.volatility is not None and journey.volatility >= HIGH_VOLATILITY
    return emotion in _DISTRESS or emotion not in TONES or journey.trend == FALLING or swings


def tone_for(emotion: str, journey: JourneySummary = STEADY) -> str:
    """The tone in which people of this mood are spoken to."""
    own = TONES.get(emotion, "calm")
    if in_distress(emotion, journey) and own not in CALM_TONES:
        return "gentle" if journey.trend == FALLING else "calm"
    return own


def served_emotion(emotion: str, journey: JourneySummary = STEADY) -> str:
    """The emotion whose texts people of this mood are shown: their own, unless those are too lively for where it is
    going. Then they are spoken to as sad people are, gently, or calmly, as angry ones are, where the mood swings."""
    if suits_mood(TONES.get(emotion, "calm"), emotion, journey):
        return emotion
    return "sadness" if journey.trend == FALLING else "anger"


def suits_mood(tone: str, emotion: str, journey: JourneySummary = STEADY) -> bool:
    """Whether people of this mood may be spoken to in this tone."""
    return tone in CALM_TONES or (tone in TONES.values() and not in_distress(emotion, journey))


def applies_pressure(text: str) -> bool:
    """Whether a text hurries its reader, makes a thing scarce, or exclaims."""
    return "!" in skeleton(text) or _URGENCY.found_in(text) or _SCARCITY.found_in(text)


def names_a_feeling(text: str) -> bool:
    """Whether a text tells people how they feel."""
    return _FEELINGS.found_in(text)

"""Chooses an ad's tone by emotion and emotional journey, and never exploits distress.

Distress (anger, disgust, fear, sadness, a falling or volatile mood) allows calm tones only, without urgency, scarcity
or exclamation. No ad names its reader's feelings. Phrases are English; classifiers and reviewers cover other languages.
"""

from __future__ import annotations

from dataclasses import dataclass

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import Phrases
from alphaads_pipelines.errors import InvalidRequest

RISING, STEADY_TREND, FALLING = TRENDS = ("rising", "steady", "falling")

HIGH_VOLATILITY = 0.5
"""A quarter of the scale: mood alternates hourly between mildly good and mildly bad."""

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
    """An audience's emotional journey: one of TRENDS, and the volatility of profiles.journey (0 to 2; None: unknown).

    Raises
    ------
    InvalidRequest: a value is out of range.
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
    """Whether a mood is distress; unknown emotions count."""
    swings = journey.volatility is not None and journey.volatility >= HIGH_VOLATILITY
    return emotion in _DISTRESS or emotion not in TONES or journey.trend == FALLING or swings


def tone_for(emotion: str, journey: JourneySummary = STEADY) -> str:
    """Choose the tone for a mood."""
    tone = TONES.get(emotion, "calm")
    if in_distress(emotion, journey) and tone not in CALM_TONES:
        return "gentle" if journey.trend == FALLING else "calm"
    return tone


def served_emotion(emotion: str, journey: JourneySummary = STEADY) -> str:
    """Return the emotion whose texts suit a mood: its own, or a calmer one where the journey shows distress."""
    if suits_mood(TONES.get(emotion, "calm"), emotion, journey):
        return emotion
    return "sadness" if journey.trend == FALLING else "anger"


def suits_mood(tone: str, emotion: str, journey: JourneySummary = STEADY) -> bool:
    """Whether a tone may be used for a mood."""
    return tone in CALM_TONES or (tone in TONES.values() and not in_distress(emotion, journey))


def applies_pressure(text: str) -> bool:
    """Whether a text uses urgency, scarcity or exclamation."""
    return "!" in skeleton(text) or _URGENCY.found_in(text) or _SCARCITY.found_in(text)


def names_a_feeling(text: str) -> bool:
    """Whether a text names its reader's feelings."""
    return _FEELINGS.found_in(text)

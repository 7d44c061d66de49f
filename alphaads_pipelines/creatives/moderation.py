"""Moderates rendered ads after Unicode normalisation: rules first, then classifiers.

Fails closed: a classifier that raises, times out or returns nonsense refuses the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from alphaads_pipelines.campaigns.brand_rules import NO_RULES, CampaignRules, broken_rules
from alphaads_pipelines.campaigns.placements import LIMITS
from alphaads_pipelines.campaigns.text.normalisation import has_hidden_characters, mixes_scripts, normalise
from alphaads_pipelines.campaigns.text.phrases import Phrases
from alphaads_pipelines.creatives.addresses import has_address, is_spelled_out
from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.encoded_text import has_encoded_text
from alphaads_pipelines.creatives.time_limit import run_with_timeout
from alphaads_pipelines.creatives.tone import (
    CALM_TONES,
    TONES,
    applies_pressure,
    in_distress,
    names_a_feeling,
    suits_mood,
)
from alphaads_pipelines.telemetry import get_logger

UNAVAILABLE = "moderation_unavailable"

_CLAIMS = Phrases(
    "guarantee*", "risk-free*", "miracle*", "cure", "cures*", "cured", "100 %", "free money*", "get rich*",
    "no side effects*", "clinically proven*",
)  # fmt: skip
_INSULTS = Phrases(
    "idiot*", "moron", "morons", "imbecile*", "stupid", "bastard*", "bitch", "bitches", "whore*", "asshole*", "shit",
    "shitty", "fuck*",
)  # fmt: skip
"""The commonest, which our model misses in disguise."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opinion:
    """Stable codes: reasons refuse a text, doubts send it to review."""

    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class Classifier(Protocol):
    """Classifies texts that passed the rules."""

    def __call__(self, text: str) -> Opinion:
        """Classify a normalised text; an exception counts as a refusal."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Moderation's verdict: approved without reasons and doubts; warnings are informational."""

    approved: bool
    reasons: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def moderate(
    creative: Creative,
    rules: CampaignRules = NO_RULES,
    classifiers: Sequence[Classifier] = (),
    time_limit_s: float = 10.0,
) -> Verdict:
    """Moderate a rendered creative.

    Parameters
    ----------
    classifiers: called only for texts that pass the rules, so that no refused text reaches a provider.
    time_limit_s: per classifier.
    """
    text = " ".join((creative.headline, creative.body, creative.call_to_action))
    reasons = [*_unreadable(creative, text), *_forbidden(creative, text), *broken_rules(text, rules)]
    warnings = ("over_soft_limit",) if _is_cut_off(creative) else ()
    if reasons:
        return Verdict(False, tuple(reasons), warnings=warnings)
    opinions = [_opinion(classifier, normalise(text), time_limit_s) for classifier in classifiers]
    refused = tuple(dict.fromkeys(reason for each in opinions for reason in each.reasons))
    doubts = tuple(dict.fromkeys(doubt for each in opinions for doubt in each.doubts))
    return Verdict(not refused and not doubts, refused, doubts, warnings)


def _opinion(classifier: Classifier, text: str, time_limit_s: float) -> Opinion:
    try:
        opinion = run_with_timeout(time_limit_s, partial(classifier, text))
    except Exception as error:  # noqa: BLE001 - fails closed
        _log.warning("moderation.unavailable", judge=type(classifier).__name__, error=type(error).__name__)
        return Opinion((UNAVAILABLE,))
    return opinion if isinstance(opinion, Opinion) else Opinion((UNAVAILABLE,))


def _unreadable(creative: Creative, text: str) -> list[str]:
    found = []
    if not creative.headline.strip() or not creative.body.strip():
        found.append("empty")
    limit = LIMITS.get(creative.placement)
    if limit is None:
        found.append("unknown_placement")
    elif limit.is_hard and limit.exceeded(creative.headline, creative.body):
        found.append("too_long")
    if has_hidden_characters(text):
        found.append("hidden_characters")
    if mixes_scripts(text):
        found.append("mixed_scripts")
    if has_encoded_text(text):
        found.append("encoded_text")
    if is_spelled_out(text):
        found.append("spelled_out")
    return found


def _is_cut_off(creative: Creative) -> bool:
    limit = LIMITS.get(creative.placement)
    return limit is not None and not limit.is_hard and limit.exceeded(creative.headline, creative.body)


def _forbidden(creative: Creative, text: str) -> list[str]:
    found = []
    if _CLAIMS.found_in(text):
        found.append("banned_claim")
    if has_address(text):
        found.append("unlisted_link")
    if creative.emotion not in TONES:
        found.append("unknown_emotion")
    elif creative.tone not in TONES.values():
        found.append("unknown_tone")
    elif _pressures_distressed(creative, text):
        found.append("urgency_in_distress")
    if _INSULTS.found_in(text):
        found.append("offensive")
    if names_a_feeling(text):
        found.append("names_a_feeling")
    return found


def _pressures_distressed(creative: Creative, text: str) -> bool:
    """Whether it presses people in distress; a calm tone implies distress, whatever the emotion."""
    if not suits_mood(creative.tone, creative.emotion):
        return True
    return (creative.tone in CALM_TONES or in_distress(creative.emotion)) and applies_pressure(text)

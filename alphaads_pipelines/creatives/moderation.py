"""Moderation of the final rendered text, after Unicode normalisation; it fails closed and keeps its reasons."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.templates import BODY_WIDTH, HEADLINE_WIDTH, TONES, width

_CLAIMS = re.compile(
    r"\b(guaranteed?|risk[- ]free|miracle|cures?|100\s*%|free money|get rich|no side effects|clinically proven)\b", re.I
)
_URGENCY = re.compile(
    r"\b(hurry|now or never|last chance|only today|act now|limited time|don't miss|before it's too late)\b", re.I
)
_FEELINGS = re.compile(r"\b(sad|lonely|afraid|scared|angry|depressed|anxious|hopeless|grief|worried)\b", re.I)
_LINKS = re.compile(r"https?:|www\.|\b[a-z0-9-]+\.(com|net|org|io)\b", re.I)
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_CALM_TONES = frozenset({"calm", "reassuring", "gentle"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a creative may be served, and if not, why: stable codes."""

    approved: bool
    reasons: tuple[str, ...]


def moderate(creative: Creative) -> Verdict:
    """Judge a rendered creative; any reason refuses it."""
    text = " ".join((creative.headline, creative.body, creative.call_to_action))
    reasons = [*_unreadable(creative, text), *_forbidden(creative, unicodedata.normalize("NFKC", text))]
    return Verdict(not reasons, tuple(reasons))


def _unreadable(creative: Creative, text: str) -> list[str]:
    found = []
    if not creative.headline.strip() or not creative.body.strip():
        found.append("empty")
    if width(creative.headline) > HEADLINE_WIDTH or width(creative.body) > BODY_WIDTH:
        found.append("too_long")
    if _HIDDEN.search(text) or any(unicodedata.category(character) in ("Cc", "Cs", "Co") for character in text):
        found.append("hidden_characters")
    return found


def _forbidden(creative: Creative, text: str) -> list[str]:
    found = []
    if _CLAIMS.search(text):
        found.append("banned_claim")
    if _LINKS.search(text):
        found.append("unlisted_link")
    calm = TONES.get(creative.emotion) in _CALM_TONES
    if calm and (creative.tone not in _CALM_TONES or _URGENCY.search(text) or "!" in text):
        found.append("urgency_in_distress")
    if _FEELINGS.search(text):
        found.append("names_a_feeling")
    return found

"""Moderation of the final rendered text, after Unicode normalisation; it fails closed and keeps its reasons."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.templates import BODY_WIDTH, HEADLINE_WIDTH, TONES, width

_CLAIMS = re.compile(
    r"\b(guaranteed?|risk[- ]free|miracle|cures?|100 ?%|free money|get rich|no side effects|clinically proven)"
)
_URGENCY = re.compile(
    r"\b(hurry|now or never|last chance|only today|act now|limited time|don't miss|before it's too late)\b"
)
_FEELINGS = re.compile(r"\b(sad|lonely|afraid|scared|angry|depressed|anxious|hopeless|grief|worried)\b")
_LINKS = re.compile(r"https?:|www\.|@|\b[\w-]+\.[a-z]{2,}\b")
_CALM_TONES = frozenset({"calm", "reassuring", "gentle"})

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""Characters that are seen as nothing, though their category is that of letters, marks or symbols."""

_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Scripts whose letters are drawn alike; no word of any language mixes them."""

_ALIKE = str.maketrans(
    "авсԁегһіјӏкмոорԛѕтսѵԝхуıɑɡłøαβεικνορτυχ‐‑‒–—−’‘ʼ′❗❕",
    "abcderhijlkmnopqstuvwxyiagloabeiknoptux------''''!!",
)
"""Look-alikes from Unicode's confusables (UTS 39) -> what the rules are written in."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a creative may be served, and if not, why: stable codes."""

    approved: bool
    reasons: tuple[str, ...]


def moderate(creative: Creative) -> Verdict:
    """Judge a rendered creative; any reason refuses it."""
    text = " ".join((creative.headline, creative.body, creative.call_to_action))
    reasons = [*_unreadable(creative, text), *_forbidden(creative, _as_read(text))]
    return Verdict(not reasons, tuple(reasons))


def _as_read(text: str) -> str:
    """The text as an eye takes it: compatibility forms, accents, case, look-alikes and spaces made one."""
    bare = "".join(
        each for each in unicodedata.normalize("NFKD", text) if not unicodedata.category(each).startswith("M")
    )
    return " ".join(unicodedata.normalize("NFKC", bare).casefold().translate(_ALIKE).split())


def _unreadable(creative: Creative, text: str) -> list[str]:
    found = []
    if not creative.headline.strip() or not creative.body.strip():
        found.append("empty")
    if width(creative.headline) > HEADLINE_WIDTH or width(creative.body) > BODY_WIDTH:
        found.append("too_long")
    if any(each in _BLANK_LETTERS or unicodedata.category(each) in _HIDDEN_CATEGORIES for each in text):
        found.append("hidden_characters")
    if any(len(_scripts_of(word)) > 1 for word in unicodedata.normalize("NFKC", text).split()):
        found.append("mixed_scripts")
    return found


def _scripts_of(word: str) -> set[str]:
    return {unicodedata.name(each, "").split(" ")[0] for each in word if each.isalpha()} & _SCRIPTS


def _forbidden(creative: Creative, text: str) -> list[str]:
    found = []
    if _CLAIMS.search(text):
        found.append("banned_claim")
    if _LINKS.search(text):
        found.append("unlisted_link")
    if creative.emotion not in TONES:
        found.append("unknown_emotion")
    calm = TONES.get(creative.emotion) in _CALM_TONES
    if calm and (creative.tone not in _CALM_TONES or _URGENCY.search(text) or "!" in text):
        found.append("urgency_in_distress")
    if _FEELINGS.search(text):
        found.append("names_a_feeling")
    return found

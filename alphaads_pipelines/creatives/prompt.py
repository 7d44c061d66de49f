"""A language model's prompt: a versioned file, and a brief as JSON facts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from alphaads_pipelines.campaigns.placements import LIMITS
from alphaads_pipelines.creatives.base import Brief
from alphaads_pipelines.creatives.tone import CALM_TONES, tone_for

_FOLDER = Path(__file__).with_name("prompts")
CURRENT = "ad-1"


class Ad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's structured output."""

    headline: str
    body: str


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"headline": {"type": "string"}, "body": {"type": "string"}},
    "required": ["headline", "body"],
    "additionalProperties": False,
}
"""JSON schema of `Ad`, in keywords that both providers enforce."""


@dataclass(frozen=True)
class Prompt:
    """One prompt file."""

    name: str = CURRENT

    @cached_property
    def text(self) -> str:
        """The instructions."""
        return (_FOLDER / f"{self.name}.md").read_text(encoding="utf-8")

    @cached_property
    def version(self) -> str:
        """Name and hash of the instructions and the schema."""
        hashed = self.text + json.dumps(SCHEMA, sort_keys=True)
        return f"{self.name}@{hashlib.sha256(hashed.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A refused response of the model."""

    ad: Ad | None
    problems: tuple[str, ...]


def facts(brief: Brief, last: Attempt | None = None) -> str:
    """Serialise a brief: the advertiser's facts, enums and scores, and nothing else."""
    limit, voice = LIMITS[brief.placement], brief.rules.voice
    tone = tone_for(brief.emotion, brief.journey)
    added = "".join(f" {each}" for each in brief.rules.disclosures)
    fields: dict[str, Any] = {
        "product": brief.product,
        "benefit": brief.benefit,
        "call_to_action": brief.call_to_action,
        "tone": tone,
        "emotion": brief.emotion,
        "trend": brief.journey.trend,
        "volatility": brief.journey.volatility,
        "headline_limit": limit.headline,
        "body_limit": max(0, limit.body - limit.length(added)),
        "wide_characters_count_two": limit.counts_double,
        "never_say": [*brief.rules.banned_claims, *voice.avoid],
        "manner": voice.manner,
        "may_exclaim": voice.exclamations and tone not in CALM_TONES,
        "may_use_emoji": voice.emoji,
    }
    if last is not None:
        fields["last_attempt"] = {"text": last.ad and msgspec.to_builtins(last.ad), "problems": list(last.problems)}
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)

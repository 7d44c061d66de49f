"""The template generator: texts we wrote, filled in by Jinja2's sandbox, within the ad platforms' limits.

Tone follows the audience's emotion and never exploits distress: sad, fearful, angry or disgusted people are spoken to
calmly, with nothing urgent, and nothing about how they feel.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cached_property
from typing import Any, ClassVar

from alphaads_pipelines.creatives.base import Brief, Creative, Generator

HEADLINE_WIDTH, BODY_WIDTH = 30, 90
"""Longest headline and description of a Google responsive search ad; a double-width character counts two."""

TONES = {
    "anger": "calm",
    "disgust": "calm",
    "fear": "reassuring",
    "joy": "upbeat",
    "neutral": "plain",
    "sadness": "gentle",
    "surprise": "curious",
}

# tone -> (headline, body), best first; the first that fits is used.
_TEXTS: dict[str, tuple[tuple[str, str], ...]] = {
    "calm": (
        ("{{ product }}, made simple", "The {{ product }}: {{ benefit }}. Take your time and see if it suits you."),
        ("{{ product }}", "{{ benefit | sentence }}. Take your time and see if it suits you."),
    ),
    "reassuring": (
        ("{{ product }}, well tried", "{{ benefit | sentence }}, with 30 days to send it back if it is not for you."),
        ("{{ product }}", "{{ benefit | sentence }}, with 30 days to send it back."),
    ),
    "gentle": (
        ("A quiet {{ product }}", "{{ benefit | sentence }}. It is there whenever you would like it."),
        ("{{ product }}", "{{ benefit | sentence }}, whenever you would like it."),
    ),
    "upbeat": (
        ("Say hi to {{ product }}", "{{ benefit | sentence }}, and a little joy every day. Come and have a look!"),
        ("{{ product }}!", "{{ benefit | sentence }}. Come and have a look!"),
    ),
    "curious": (
        ("Seen the {{ product }}?", "{{ benefit | sentence }}: more in it than you would think. See for yourself."),
        ("{{ product }}?", "{{ benefit | sentence }}. See for yourself."),
    ),
    "plain": (
        ("The {{ product }}", "{{ benefit | sentence }}. All facts and prices are on one page."),
        ("{{ product }}", "{{ benefit | sentence }}."),
    ),
}


def width(text: str) -> int:
    """Width of a text as ad platforms count it: full-width characters are two wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "FW" else 1 for character in text)


def _sentence(text: str) -> str:
    """The text as a sentence begins; Jinja's `capitalize` would also make USB-C "usb-c"."""
    return text[:1].upper() + text[1:]


class TemplateGenerator(Generator):
    """One creative per brief, the same for the same brief."""

    name: ClassVar[str] = "templates-1"

    @cached_property
    def _environment(self) -> Any:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        environment.filters["sentence"] = _sentence
        return environment

    def generate(self, brief: Brief) -> list[Creative]:
        """The first wording that fits the limits; none if even the shortest is too long."""
        tone = TONES.get(brief.emotion, "plain")
        for headline_template, body_template in _TEXTS[tone]:
            headline, body = self._render(headline_template, brief), self._render(body_template, brief)
            if width(headline) <= HEADLINE_WIDTH and width(body) <= BODY_WIDTH:
                return [self._creative(brief, tone, headline, body)]
        return []

    def _render(self, template: str, brief: Brief) -> str:
        return str(self._environment.from_string(template).render(product=brief.product, benefit=brief.benefit))

    def _creative(self, brief: Brief, tone: str, headline: str, body: str) -> Creative:
        parts = (brief.campaign_id, brief.emotion, tone, headline, body, brief.call_to_action)
        creative_id = "c" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:15]
        return Creative(creative_id, *parts[:5], brief.call_to_action, self.name)

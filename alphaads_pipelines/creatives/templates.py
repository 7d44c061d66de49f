"""The template generator: our own texts, rendered in Jinja2's sandbox."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from alphaads_pipelines.campaigns.brand_rules import broken_rules
from alphaads_pipelines.campaigns.placements import LIMITS
from alphaads_pipelines.creatives.base import Brief, Creative, Generator, render
from alphaads_pipelines.creatives.tone import CALM_TONES, tone_for

# tone -> (headline, body), best first
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


def _sentence(text: str) -> str:
    """Capitalise the first letter only: Jinja's `capitalize` would make USB-C "usb-c"."""
    return text[:1].upper() + text[1:]


class TemplateGenerator(Generator):
    """Writes one creative per brief."""

    @property
    def name(self) -> str:
        """Version of the templates."""
        return "templates-1"

    @cached_property
    def _environment(self) -> Any:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        environment.filters["sentence"] = _sentence
        return environment

    def generate(self, brief: Brief) -> list[Creative]:
        """Render the first template within limits and rules, if any."""
        tone = tone_for(brief.emotion, brief.journey)
        plainest = "calm" if tone in CALM_TONES else "plain"
        for each in dict.fromkeys((tone, plainest)):
            for headline_template, body_template in _TEXTS[each]:
                words = self._fill(headline_template, brief), self._fill(body_template, brief)
                creative = render(brief, each, *words, self.name)
                if _is_allowed(creative, brief):
                    return [creative]
        return []

    def _fill(self, template: str, brief: Brief) -> str:
        return str(self._environment.from_string(template).render(product=brief.product, benefit=brief.benefit))


def _is_allowed(creative: Creative, brief: Brief) -> bool:
    fits = not LIMITS[creative.placement].exceeded(creative.headline, creative.body)
    return fits and not broken_rules(f"{creative.headline} {creative.body} {creative.call_to_action}", brief.rules)

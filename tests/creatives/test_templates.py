"""The wordings of the template generator."""

from __future__ import annotations

import dataclasses

import pytest

from alphaads_pipelines.creatives.base import Brief
from alphaads_pipelines.creatives.templates import TONES, TemplateGenerator, width
from alphaads_pipelines.tables import EMOTIONS

BRIEF = Brief("hub", "Ovanta hub", "USB-C and HDMI on one cable", "neutral", "See the hub")


def test_every_emotion_has_a_tone() -> None:
    assert set(TONES) == set(EMOTIONS)


def test_a_sentence_begins_with_a_capital_and_keeps_the_others() -> None:
    [creative] = TemplateGenerator().generate(BRIEF)
    assert creative.body == "USB-C and HDMI on one cable. All facts and prices are on one page."
    [creative] = TemplateGenerator().generate(dataclasses.replace(BRIEF, benefit="for iPhone and iPad"))
    assert creative.body.startswith("For iPhone and iPad. ")


def test_a_shorter_wording_is_used_when_the_best_does_not_fit() -> None:
    name = "Ovanta hub for twelve desks"
    [creative] = TemplateGenerator().generate(dataclasses.replace(BRIEF, product=name, emotion="joy"))
    assert creative.headline == f"{name}!"


def test_nothing_is_written_when_even_the_shortest_is_too_long() -> None:
    assert TemplateGenerator().generate(dataclasses.replace(BRIEF, product="x" * 31)) == []


@pytest.mark.parametrize(("text", "wide"), [("tea", 3), ("お茶", 4), ("ｔｅａ", 6), ("café", 4), ("", 0)])
def test_double_width_characters_count_two(text: str, wide: int) -> None:
    assert width(text) == wide

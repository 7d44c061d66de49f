"""The wordings of the template generator."""

from __future__ import annotations

import dataclasses

from alphaads_pipelines.campaigns.brand_rules import CampaignRules, Voice
from alphaads_pipelines.campaigns.placements import META_FEED
from alphaads_pipelines.creatives.base import Brief
from alphaads_pipelines.creatives.templates import TemplateGenerator

BRIEF = Brief("hub", "Ovanta hub", "USB-C and HDMI on one cable", "neutral", "See the hub")


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


def test_a_soft_limit_bounds_the_template_as_a_hard_one_does() -> None:
    [creative] = TemplateGenerator().generate(dataclasses.replace(BRIEF, product="x" * 36, placement=META_FEED))
    assert creative.headline == f"The {'x' * 36}"
    assert TemplateGenerator().generate(dataclasses.replace(BRIEF, product="x" * 41, placement=META_FEED)) == []


def test_a_brand_that_never_exclaims_gets_the_plain_wording() -> None:
    quiet = CampaignRules(voice=Voice(exclamations=False))
    [creative] = TemplateGenerator().generate(dataclasses.replace(BRIEF, emotion="joy", rules=quiet))
    assert (creative.tone, creative.headline) == ("plain", "The Ovanta hub")


def test_room_for_a_disclosure_is_made_by_a_shorter_wording() -> None:
    told = CampaignRules(disclosures=("Advertisement by Ovanta.",))
    [creative] = TemplateGenerator().generate(dataclasses.replace(BRIEF, rules=told))
    assert creative.body == "USB-C and HDMI on one cable. Advertisement by Ovanta."

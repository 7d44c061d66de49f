"""What every generator of ad texts promises, checked against all of them."""

from __future__ import annotations

import dataclasses

import pytest

from alphaads_pipelines.creatives.base import Brief, Generator
from alphaads_pipelines.creatives.campaigns import sample_briefs
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.registry import GENERATORS
from alphaads_pipelines.creatives.templates import BODY_WIDTH, HEADLINE_WIDTH, width
from alphaads_pipelines.tables import EMOTIONS

BRIEF = Brief("kettle", "Brasswick kettle", "tea at the right heat", "joy", "Have a look")


@pytest.fixture(params=list(GENERATORS))
def generator(request: pytest.FixtureRequest) -> Generator:
    return GENERATORS.load(request.param)()


def test_the_same_brief_gives_the_same_creatives(generator: Generator) -> None:
    first = generator.generate(BRIEF)
    assert first
    assert type(generator)().generate(BRIEF) == first


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_every_emotion_gets_creatives_that_may_be_served(generator: Generator, emotion: str) -> None:
    for brief in (each for each in sample_briefs() if each.emotion == emotion):
        creatives = generator.generate(brief)
        assert creatives
        for creative in creatives:
            assert moderate(creative).reasons == ()
            assert (creative.campaign_id, creative.emotion) == (brief.campaign_id, emotion)
            assert creative.call_to_action == brief.call_to_action
            assert creative.generator == generator.name


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize(
    ("product", "benefit"),
    [
        ("A", "b"),
        ("A product name of some length", "a benefit that goes on for long, as they do when a committee wrote them"),
        ("P" * 200, "b" * 500),
        ("急須ブラスウィック特製" * 2, "適温のお茶をいつでもご家庭で" * 3),
        ("", ""),
    ],
)
def test_whatever_is_written_keeps_to_the_limits(
    generator: Generator, emotion: str, product: str, benefit: str
) -> None:
    for creative in generator.generate(dataclasses.replace(BRIEF, emotion=emotion, product=product, benefit=benefit)):
        assert width(creative.headline) <= HEADLINE_WIDTH
        assert width(creative.body) <= BODY_WIDTH


def test_a_creative_is_named_by_its_content(generator: Generator) -> None:
    ids = {creative.creative_id: creative for brief in sample_briefs() for creative in generator.generate(brief)}
    assert len(ids) == sum(len(generator.generate(brief)) for brief in sample_briefs())
    changed = dataclasses.replace(BRIEF, benefit="tea at any heat")
    assert {each.creative_id for each in generator.generate(changed)}.isdisjoint(
        each.creative_id for each in generator.generate(BRIEF)
    )


def test_a_brief_is_text_and_never_a_program(generator: Generator) -> None:
    sly = dataclasses.replace(BRIEF, product="{{ 7 * 7 }}", benefit="{% raw %}{{ benefit.__class__ }}")
    for creative in generator.generate(sly):
        assert "49" not in creative.headline
        assert "class 'str'" not in creative.body

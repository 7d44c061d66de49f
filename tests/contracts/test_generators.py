"""What every generator of ad texts promises, checked against all of them; those that ask a model ask a local server."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphaads_pipelines.campaigns.brand_rules import CampaignRules, Voice
from alphaads_pipelines.campaigns.placements import LIMITS, META_FEED
from alphaads_pipelines.campaigns.sample_campaigns import sample_campaigns
from alphaads_pipelines.creatives.base import Brief, Generator, Options
from alphaads_pipelines.creatives.briefs import briefs_of
from alphaads_pipelines.creatives.llm_budget import Price
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.registry import GENERATORS
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.creatives.tone import CALM_TONES, FALLING, JourneySummary
from alphaads_pipelines.schema.tables import EMOTIONS
from benchmarks.llm_server import KEY, LanguageModelServer, language_model_server
from tests.nlp.packages import needs

BRIEFS = [brief for campaign in sample_campaigns() for brief in briefs_of(campaign)]
BRIEF = Brief("kettle", "Brasswick kettle", "tea at the right heat", "joy", "Have a look")
PACKAGES = {"templates": "jinja2"}
ALL = [pytest.param(name, marks=needs(PACKAGES.get(name, name))) for name in GENERATORS]


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageModelServer]:
    with language_model_server() as running:
        yield running


@pytest.fixture(params=ALL)
def options(request: pytest.FixtureRequest, server: LanguageModelServer, tmp_path: Path) -> tuple[str, Options]:
    name = request.param
    return name, Options(
        api_key=KEY, model="some-model", base_url=server.base_url(name), price=Price(1, 5), cache=tmp_path
    )


@pytest.fixture
def generator(options: tuple[str, Options]) -> Generator:
    return GENERATORS.load(options[0])(options[1])


def test_the_same_brief_gives_the_same_creatives(generator: Generator) -> None:
    first = generator.generate(BRIEF)
    assert first
    assert generator.generate(BRIEF) == first
    assert type(generator)(generator.options).generate(BRIEF) == first, "also tomorrow"


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_every_emotion_gets_creatives_that_may_be_served(generator: Generator, emotion: str) -> None:
    for brief in (each for each in BRIEFS if each.emotion == emotion):
        creatives = generator.generate(brief)
        assert creatives
        for creative in creatives:
            assert moderate(creative).reasons == ()
            assert (creative.campaign_id, creative.emotion) == (brief.campaign_id, emotion)
            assert (creative.call_to_action, creative.placement) == (brief.call_to_action, brief.placement)
            assert creative.generator == generator.name


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_whoever_falls_or_swings_is_spoken_to_calmly(generator: Generator, emotion: str) -> None:
    for journey in (JourneySummary(FALLING), JourneySummary(volatility=1.2)):
        [creative] = generator.generate(dataclasses.replace(BRIEF, emotion=emotion, journey=journey))
        assert creative.tone in CALM_TONES
        assert "!" not in creative.headline + creative.body


@pytest.mark.parametrize("placement", LIMITS)
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
    generator: Generator, placement: str, product: str, benefit: str
) -> None:
    limit = LIMITS[placement]
    for emotion in EMOTIONS:
        brief = dataclasses.replace(BRIEF, emotion=emotion, product=product, benefit=benefit, placement=placement)
        for creative in generator.generate(brief):
            assert limit.length(creative.headline) <= limit.headline or not limit.is_hard
            assert limit.length(creative.body) <= limit.body or not limit.is_hard


def test_a_campaigns_rules_are_kept(generator: Generator) -> None:
    rules = CampaignRules(("best tea",), ("Ad.", "18+ only."), Voice(avoid=("cheap",), exclamations=False, emoji=False))
    for emotion in EMOTIONS:
        [creative] = generator.generate(dataclasses.replace(BRIEF, emotion=emotion, rules=rules))
        assert moderate(creative, rules).reasons == ()
        assert creative.body.endswith(" Ad. 18+ only.")


def test_a_claim_that_the_campaign_bans_is_not_made_even_if_the_brief_makes_it(generator: Generator) -> None:
    rules = CampaignRules(banned_claims=("tea at the right heat",))
    assert generator.generate(dataclasses.replace(BRIEF, rules=rules)) == []


def test_a_creative_is_named_by_its_content(generator: Generator) -> None:
    ids = {creative.creative_id: creative for brief in BRIEFS for creative in generator.generate(brief)}
    assert len(ids) == sum(len(generator.generate(brief)) for brief in BRIEFS)
    for changed in (
        dataclasses.replace(BRIEF, benefit="tea at any heat"),
        dataclasses.replace(BRIEF, placement=META_FEED),
    ):
        assert {each.creative_id for each in generator.generate(changed)}.isdisjoint(
            each.creative_id for each in generator.generate(BRIEF)
        )


def test_a_brief_is_text_and_never_a_program(generator: Generator) -> None:
    sly = dataclasses.replace(BRIEF, product="{{ 7 * 7 }}", benefit="{% raw %}{{ benefit.__class__ }}")
    for creative in generator.generate(sly):
        assert "49" not in creative.headline
        assert "class 'str'" not in creative.body


def test_who_wrote_it_is_the_generator_or_the_template(generator: Generator, server: LanguageModelServer) -> None:
    long_name = dataclasses.replace(BRIEF, placement=META_FEED, product="A guaranteed kettle", benefit="heat")
    for brief in (BRIEF, long_name):
        names = {each.generator for each in generator.generate(brief)}
        assert names <= {generator.name, TemplateGenerator().name}
    assert server.complaints == []

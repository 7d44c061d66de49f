"""From settings to generators and classifiers of ad texts."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from alphaads_pipelines.campaigns.sample_campaigns import sample_campaigns
from alphaads_pipelines.creatives.briefs import briefs_of
from alphaads_pipelines.creatives.moderation import Opinion
from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from alphaads_pipelines.wiring.creatives import build_classifiers, build_generator, generator_options
from benchmarks.llm_server import KEY, flags, language_model_server
from tests.nlp.packages import needs


def test_templates_write_unless_somebody_else_is_asked_for(settings: Settings) -> None:
    assert build_generator(settings).name == "templates-1"


@pytest.mark.parametrize("provider", [pytest.param(name, marks=needs(name)) for name in ("anthropic", "openai")])
def test_a_provider_is_a_setting_and_a_key(settings: Settings, provider: str) -> None:
    with language_model_server() as server:
        told = {
            "generator": provider,
            f"{provider}_api_key": SecretStr(KEY),
            f"{provider}_base_url": server.base_url(provider),
        }
        generator = build_generator(settings.model_copy(update=told))
        [creative] = generator.generate(briefs_of(sample_campaigns()[0])[0])
        assert creative.generator == generator.name
        assert server.received[0].body["model"] in generator.name
        assert [path.suffix for path in settings.ad_texts_path.iterdir()] == [".json"]


def test_the_default_models_have_a_price(settings: Settings) -> None:
    for provider in ("anthropic", "openai"):
        assert generator_options(settings.model_copy(update={"generator": provider})).price is not None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"generator": "openai"}, "OPENAI_API_KEY"),
        ({"generator": "anthropic"}, "ANTHROPIC_API_KEY"),
        ({"generator": "openai", "openai_api_key": SecretStr(KEY), "openai_model": "unpriced"}, "price"),
        ({"generator": "poet"}, "anthropic, openai, templates"),
        ({"language_model_prices": "cheap"}, "model=input/output"),
    ],
)
def test_what_is_missing_is_named(settings: Settings, changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refused:
        build_generator(settings.model_copy(update=changes))
    assert KEY not in str(refused.value)


def test_our_own_model_judges_the_texts_whatever_scores_the_posts(settings: Settings) -> None:
    with wired(settings.model_copy(update={"scorer_tier": "lexicon"})) as wiring:
        [classifier] = build_classifiers(wiring)
        assert classifier("Warm light for late work.") == Opinion()
        assert classifier("You are a stupid idiot and a piece of shit.") != Opinion()


@needs("openai")
def test_openais_moderation_judges_where_its_key_is_set(settings: Settings) -> None:
    with language_model_server() as server:
        server.will(flags("hate"))
        told = {"openai_api_key": SecretStr(KEY), "openai_base_url": server.base_url("openai")}
        with wired(settings.model_copy(update=told)) as wiring:
            _, classifier = build_classifiers(wiring)
            assert classifier("Warm light.") == Opinion(("provider_flagged", "provider_hate"))
            assert [each.protocol for each in server.received] == ["moderation"]
        with wired(settings.model_copy(update={**told, "openai_moderation": False})) as wiring:
            assert len(build_classifiers(wiring)) == 1

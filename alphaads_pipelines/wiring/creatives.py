"""The generator of ad texts and the classifiers that moderate them."""

from __future__ import annotations

from alphaads_pipelines.creatives.base import Generator, Options
from alphaads_pipelines.creatives.classifiers import OffensiveClassifier
from alphaads_pipelines.creatives.llm_budget import parse_prices
from alphaads_pipelines.creatives.moderation import Classifier
from alphaads_pipelines.creatives.openai_moderation import OpenAIModeration
from alphaads_pipelines.creatives.registry import GENERATORS
from alphaads_pipelines.nlp.registry import build_scorer
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring
from alphaads_pipelines.wiring.models import OF_OUR_MODEL, scorer_options


def build_generator(settings: Settings) -> Generator:
    """Build the generator of ad texts for one run; each object has its own budget.

    Raises
    ------
    ConfigurationError: unknown generator, or its key or price is missing.
    MissingArtifact: its package is not installed.
    """
    return GENERATORS.load(settings.generator)(generator_options(settings))


def generator_options(settings: Settings) -> Options:
    """Return the configured generator's options."""
    credentials = {
        "openai": (settings.openai_api_key, settings.openai_model, settings.openai_base_url),
        "anthropic": (settings.anthropic_api_key, settings.anthropic_model, settings.anthropic_base_url),
    }
    key, model, base_url = credentials.get(settings.generator, (None, "", None))
    return Options(
        api_key=key.get_secret_value() if key else None,
        model=model,
        base_url=base_url,
        price=parse_prices(settings.language_model_prices).get(model),
        budget_usd=settings.language_model_budget_usd,
        cache=settings.ad_texts_path,
    )


def build_classifiers(wiring: Wiring) -> list[Classifier]:
    """Build the classifiers that moderate ad texts, in addition to the rules.

    They are our offensive-language model, whatever the scorer tier, and OpenAI's moderation if its key is set.

    Raises
    ------
    MissingArtifact: our model or OpenAI's package is missing.
    """
    settings = wiring.settings
    is_ours = settings.scorer_tier in OF_OUR_MODEL
    scorer = wiring.scorer if is_ours else build_scorer("neural", scorer_options(settings))
    classifiers: list[Classifier] = [OffensiveClassifier(scorer.score)]
    if settings.openai_moderation and settings.openai_api_key is not None:
        key = settings.openai_api_key.get_secret_value()
        classifiers.append(OpenAIModeration(key, base_url=settings.openai_base_url))
    return classifiers

"""Wiring of the ad texts: from `Settings` to whoever writes them. A part of wiring.py, apart for its length."""

from __future__ import annotations

from alphaads_pipelines.creatives.base import Generator, Options
from alphaads_pipelines.creatives.registry import GENERATORS
from alphaads_pipelines.creatives.spending import parse_prices
from alphaads_pipelines.settings import Settings


def build_generator(settings: Settings) -> Generator:
    """Who writes the ad texts of one run: the budget is that of the object.

    Raises
    ------
    ConfigurationError: there is no such generator, or its key or its price is missing.
    MissingArtifact: its package is not installed.
    """
    return GENERATORS.load(settings.generator)(generator_options(settings))


def generator_options(settings: Settings) -> Options:
    """What the settings say to whichever generator is built."""
    told = {
        "openai": (settings.openai_api_key, settings.openai_model, settings.openai_base_url),
        "anthropic": (settings.anthropic_api_key, settings.anthropic_model, settings.anthropic_base_url),
    }
    key, model, base_url = told.get(settings.generator, (None, "", None))
    return Options(
        api_key=key.get_secret_value() if key else None,
        model=model,
        base_url=base_url,
        price=parse_prices(settings.language_model_prices).get(model),
        budget_usd=settings.language_model_budget_usd,
        cache=settings.ad_texts_path,
    )

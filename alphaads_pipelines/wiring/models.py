"""The model that scores posts: scorer options, and the serving model of our own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alphaads_pipelines.settings import Settings

if TYPE_CHECKING:
    from alphaads_pipelines.nlp.base import Options
    from alphaads_pipelines.nlp.trained_models import TrainedModels

OF_OUR_MODEL = frozenset({"neural", "cascade"})
"""Tiers that run `Options.artifact`."""


def trained_models(settings: Settings) -> TrainedModels:
    """Return the models trained by this installation."""
    from alphaads_pipelines.nlp.trained_models import TrainedModels

    return TrainedModels(settings.models_path)


def serving_model(settings: Settings) -> Path:
    """Return the folder of our own serving model."""
    return settings.nlp_artifact or trained_models(settings).serving()


def scorer_options(settings: Settings) -> Options:
    """Return the configured scorer's options."""
    from alphaads_pipelines.nlp.base import Options

    token = settings.huggingface_api_token
    return Options(
        sentiment_model=settings.sentiment_model,
        emotion_model=settings.emotion_model,
        device=settings.scorer_device,
        token=token.get_secret_value() if token else None,
        entity_model=settings.entity_model,
        artifact=serving_model(settings),
        threads=settings.scorer_threads,
    )

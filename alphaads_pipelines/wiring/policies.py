"""Policy settings, shared by assets, sensors and commands."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alphaads_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from alphaads_pipelines.pipeline.learning import Teaching
    from alphaads_pipelines.settings import Settings


def teaching(settings: Settings) -> Teaching:
    """Return how policies are trained.

    Raises
    ------
    ConfigurationError: POLICIES names an unknown policy.
    """
    from alphaads_pipelines.bandits.registry import POLICIES
    from alphaads_pipelines.pipeline.learning import Teaching

    names = tuple(filter(None, (name.strip() for name in settings.policies.split(","))))
    if unknown := [name for name in names if name not in POLICIES]:
        raise ConfigurationError(f"POLICIES: {', '.join(unknown)}: no such policy; known: {', '.join(POLICIES)}")
    return Teaching(names, settings.policy_half_life_days, timedelta(days=settings.decision_retention_days))

"""SYNTHETIC campaigns: invented products, so that the whole path can run before anybody has a campaign of their own."""

from __future__ import annotations

from alphaads_pipelines.creatives.base import Brief
from alphaads_pipelines.tables import EMOTIONS

_PRODUCTS = (
    ("lamp", "Lumora desk lamp", "warm light for late work", "See the lamp"),
    ("boots", "Tundrel hiking boots", "dry feet on every trail", "Find your size"),
    ("kettle", "Brasswick kettle", "tea at the right heat", "Have a look"),
)


def sample_briefs() -> list[Brief]:
    """One brief per synthetic product and emotion."""
    return [
        Brief(campaign, product, benefit, emotion, action)
        for campaign, product, benefit, action in _PRODUCTS
        for emotion in EMOTIONS
    ]

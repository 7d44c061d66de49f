"""Policies by name; a new one is a file in this room and a line here."""

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.registry import Registry

POLICIES: Registry[Policy] = Registry(
    "policy",
    {
        "thompson": "alphaads_pipelines.bandits.thompson:ThompsonPolicy",
    },
)

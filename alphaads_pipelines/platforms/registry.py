"""Platforms by name; a new network is a file in this room and a line here."""

from alphaads_pipelines.platforms.base import Platform
from alphaads_pipelines.registry import Registry

PLATFORMS: Registry[Platform] = Registry(
    "platform",
    {
        "generic": "alphaads_pipelines.platforms.generic:GenericPlatform",
        "x": "alphaads_pipelines.platforms.x:XPlatform",
    },
)

"""Terms of use: the purposes for which a network's data may be used, and on which legal ground."""

from __future__ import annotations

from collections.abc import Iterable

from alphaads_pipelines.platforms.registry import NETWORKS
from alphaads_pipelines.privacy.purposes import GROUNDS, Ground


def ground(platform: str, purpose: str) -> Ground:
    """Legal ground for using a network's data for a purpose.

    A network without a declaration (the generic format may name any) has the legal ground alone.

    Raises
    ------
    KeyError: the purpose is unknown.
    """
    network = NETWORKS.get(platform.lower())
    return Ground.NEVER if network is not None and purpose in network.forbids else GROUNDS[purpose]


def is_forbidden(platforms: Iterable[str], purpose: str) -> bool:
    """Whether the terms of any of these networks forbid the purpose; combined data follows the strictest terms."""
    return any(ground(each, purpose) is Ground.NEVER for each in platforms)

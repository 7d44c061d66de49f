"""Terms of use: the legal ground for using a network's data for a purpose, if its terms allow it."""

from __future__ import annotations

from collections.abc import Iterable

from alphaads_pipelines.platforms.registry import NETWORKS
from alphaads_pipelines.privacy.purposes import GROUNDS, Ground


def ground(platform: str, purpose: str) -> Ground:
    """Return the legal ground for using a network's data for a purpose.

    Undeclared networks, which the generic format may carry, are restricted by law alone.

    Raises
    ------
    KeyError: the purpose is unknown.
    """
    network = NETWORKS.get(platform.lower())
    return Ground.NEVER if network is not None and purpose in network.forbids else GROUNDS[purpose]


def is_forbidden(platforms: Iterable[str], purpose: str) -> bool:
    """Whether any network's terms forbid the purpose; combined data follows the strictest terms."""
    return any(ground(each, purpose) is Ground.NEVER for each in platforms)

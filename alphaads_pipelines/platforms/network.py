"""The required declaration of a network: parser, terms of use, place in a bandit context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.schema.tables import PURPOSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network's registry entry. Without defaults, so that no part can be forgotten.

    Attributes
    ----------
    parser: "module:Class" of its `Platform`, or None if its posts arrive in the generic format only.
    allows, forbids: purposes that its terms of use allow and forbid; together all of PURPOSES, each once.
    place: index in the one-hot `platform` of a bandit context, or None for no platform fact.

    Raises
    ------
    ConfigurationError: a purpose is undeclared, unknown, or declared twice.
    """

    parser: str | None
    allows: tuple[str, ...]
    forbids: tuple[str, ...]
    place: int | None

    def __post_init__(self) -> None:
        declared = [*self.allows, *self.forbids]
        if missing := [each for each in PURPOSES if each not in declared]:
            raise ConfigurationError(f"network {self.parser} neither allows nor forbids: {', '.join(missing)}")
        if sorted(declared) != sorted(PURPOSES):
            raise ConfigurationError(
                f"network {self.parser}: a purpose is unknown or declared twice: {', '.join(sorted(declared))}"
            )


def context_order(networks: Mapping[str, Network]) -> tuple[str, ...]:
    """Names of the networks with a place in a bandit context, in order.

    Raises
    ------
    ConfigurationError: the places are not 0, 1, 2, ... each once.
    """
    placed = sorted((network.place, name) for name, network in networks.items() if network.place is not None)
    if [place for place, _ in placed] != list(range(len(placed))):
        raise ConfigurationError(f"places in a bandit context must be 0 to {len(placed) - 1}, each once: {placed}")
    return tuple(name for _, name in placed)

"""Recompute a decision from its record: policy state, context, eligible arms and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from alphaads_pipelines.bandits.policy_roles import Pin
from alphaads_pipelines.bandits.policy_store import load_version
from alphaads_pipelines.errors import AlphaAdsError

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A recomputed draw.

    Attributes
    ----------
    problem: why it is impossible; empty otherwise.
    probabilities: eligible arm -> probability; they sum to 1.
    is_same_arm, is_same_propensity: equal to the log (to 1e-9, as machines round differently).
    """

    problem: str = ""
    arm_id: str | None = None
    propensity: float | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    is_same_arm: bool = False
    is_same_propensity: bool = False


def recompute(connection: Connection, record: Mapping[str, Any]) -> Recomputed:
    """Run the recorded version of the policy again.

    Parameters
    ----------
    record: a row of `ad_decisions`.
    """
    arms: Sequence[str] = record["eligible"]
    try:
        policy = load_version(connection, Pin(record["policy"], record["policy_version"])).policy
        choice = policy.choose(arms, record["context"], record["seed"])
        probabilities = policy.propensities(arms, record["context"], record["seed"])
    except AlphaAdsError as error:
        return Recomputed(str(error))
    return Recomputed(
        arm_id=choice.arm_id,
        propensity=choice.propensity,
        probabilities=dict(zip(arms, map(float, probabilities), strict=True)),
        is_same_arm=choice.arm_id == record["arm_id"],
        is_same_propensity=abs(choice.propensity - record["propensity"]) <= _SAME,
    )

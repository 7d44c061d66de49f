"""Routing: the serving policy, the canary for its share of people, or an experiment's policy decides.

Keyed hashes (experiments/assignment.py) assign people, for the canary in a layer of its own, so a person meets the same
policy on every host. Without a subject id a decision is in no experiment, and the canary is drawn per decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from alphaads_pipelines.bandits.policy_roles import CANARY, SERVING
from alphaads_pipelines.bandits.policy_store import Policies, PolicyVersion
from alphaads_pipelines.decisions.catalogue import Catalogue
from alphaads_pipelines.experiments.assignment import SLOTS, Allocation, Assigner, Experiment
from alphaads_pipelines.experiments.store import StoredExperiment

_CANARY = "policy canary"


@dataclass(frozen=True, slots=True)
class Route:
    """The policy that decides. `role`: SERVING, also in an experiment, or CANARY. `experiments`: experiment -> arm."""

    taught: PolicyVersion
    role: str = SERVING
    experiments: Mapping[str, str] = field(default_factory=dict)


class Router:
    """Routes for one catalogue and set of policies.

    Raises InvalidRequest if running experiments overlap in their slots.

    Parameters
    ----------
    salt: `Pseudonyms.assignment_salt`. holdout: share of people in no experiment.
    """

    def __init__(self, catalogue: Catalogue, policies: Policies, salt: bytes, holdout: float = 0.0) -> None:
        self._policies = policies
        of_tenants = defaultdict[str, list[StoredExperiment]](list)
        for each in catalogue.experiments:
            of_tenants[each.tenant].append(each)
        self._running = dict(of_tenants)
        held_out = round(holdout * SLOTS)
        self._assigners = {
            tenant: Assigner(salt, [each.assignment for each in running], holdout=held_out)
            for tenant, running in of_tenants.items()
        }
        self._canary = Assigner(salt, _canary_of(policies))

    def route(self, tenant: str, subject_id: str | None, decision_id: str, campaigns: Collection[str]) -> Route:
        """Choose the policy of a decision.

        Parameters
        ----------
        subject_id: None if no personal data may be used.
        campaigns: competing for this decision; a campaign's own experiment applies only if it is among them.
        """
        arms = self._arms(tenant, subject_id, campaigns)
        for experiment_id, arm in sorted(arms.items()):
            if (named := self._treatment(tenant, experiment_id, arm)) is not None:
                return Route(named, SERVING, arms)
        canary = self._policies.canary
        # The canary would contaminate an experiment's control arm.
        if canary is not None and not arms and self._canary.arms(subject_id or decision_id):
            return Route(canary, CANARY)
        return Route(self._policies.serving, SERVING, arms)

    def _arms(self, tenant: str, subject_id: str | None, campaigns: Collection[str]) -> dict[str, str]:
        if subject_id is None or tenant not in self._assigners:
            return {}
        of_campaigns = {each.experiment_id: each.campaign_id for each in self._running[tenant]}
        arms = self._assigners[tenant].arms(subject_id)
        return {key: arm for key, arm in arms.items() if of_campaigns[key] is None or of_campaigns[key] in campaigns}

    def _treatment(self, tenant: str, experiment_id: str, arm: str) -> PolicyVersion | None:
        experiment = next(each for each in self._running[tenant] if each.experiment_id == experiment_id)
        name = experiment.treatments.get(arm)
        return None if name is None else self._policies.named(name)


def policies_asked_for(catalogue: Catalogue) -> set[str]:
    """Policies used by running experiments."""
    return {name for each in catalogue.experiments for name in each.treatments.values() if name is not None}


def _canary_of(policies: Policies) -> list[Experiment]:
    canary = policies.roles.canary
    if canary is None or policies.canary is None:
        return []
    shares = {CANARY: round(canary.share * SLOTS)}
    # The name is part of the hash, so the next canary gets other people.
    return [Experiment(f"{_CANARY} {canary.policy}", _CANARY, 0, SLOTS, Allocation().with_shares(shares))]

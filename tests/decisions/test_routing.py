"""Which policy decides: sticky, in the shares that were asked for, the same in another process."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from alphaads_pipelines.bandits.policy_roles import Canary, Pin, Roles
from alphaads_pipelines.bandits.policy_store import Policies, PolicyVersion
from alphaads_pipelines.bandits.random import RandomPolicy
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.decisions.catalogue import Catalogue
from alphaads_pipelines.decisions.routing import CANARY, SERVING, Router, policies_asked_for
from alphaads_pipelines.experiments.assignment import Allocation
from alphaads_pipelines.experiments.store import RUNNING, StoredExperiment

SALT = bytes(range(32))
PEOPLE = [f"{number:032x}" for number in range(20_000)]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _policies(share: float | None = None) -> Policies:
    canary = None if share is None else Canary("random", share)
    taught = {Pin("thompson"): PolicyVersion(ThompsonPolicy(), 4), Pin("random"): PolicyVersion(RandomPolicy(), 9)}
    return Policies(roles=Roles(canary=canary), loaded=taught)


def _experiment(**more: Any) -> StoredExperiment:
    shares = {"control": 5_000, "new": 5_000}
    told = {"campaign_id": None, "name": "e", "layer": "policy", "layer_start": 0, "layer_stop": 10_000, **more}
    return StoredExperiment(
        experiment_id="e1",
        tenant="acme",
        state=RUNNING,
        allocation=Allocation().with_shares(shares),
        treatments={"control": None, "new": "random"},
        created_at=NOON,
        **told,
    )


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_canary_decides_for_its_share_of_people_and_always_for_the_same(share: float) -> None:
    router = Router(Catalogue(), _policies(share), SALT)
    met = {each: router.route("acme", each, "d", ()).role for each in PEOPLE}
    assert abs(sum(role == CANARY for role in met.values()) / len(met) - share) < 0.01
    again = Router(Catalogue(), _policies(share), SALT)
    assert all(again.route("acme", each, "another", ()).role == role for each, role in met.items())


def test_of_people_whom_nothing_is_used_of_the_canary_decides_for_its_share_of_decisions() -> None:
    router = Router(Catalogue(), _policies(0.1), SALT)
    met = [router.route("acme", None, each, ()).role for each in PEOPLE]
    assert abs(met.count(CANARY) / len(met) - 0.1) < 0.01


def test_without_a_canary_the_one_that_serves_decides() -> None:
    route = Router(Catalogue(), _policies(), SALT).route("acme", PEOPLE[0], "d", ())
    assert (route.taught.policy.name, route.taught.version, route.role) == ("thompson", 4, SERVING)


def test_an_arm_of_an_experiment_names_the_policy_and_no_canary_blurs_it() -> None:
    catalogue = Catalogue(experiments=(_experiment(),))
    router = Router(catalogue, _policies(0.5), SALT)
    routes = [router.route("acme", each, "d", ()) for each in PEOPLE]
    by_arm = {arm: [each for each in routes if each.experiments == {"e1": arm}] for arm in ("control", "new")}
    assert sum(map(len, by_arm.values())) == len(PEOPLE)
    assert abs(len(by_arm["new"]) / len(PEOPLE) - 0.5) < 0.01
    assert {each.taught.policy.name for each in by_arm["control"]} == {"thompson"}
    assert {each.taught.policy.name for each in by_arm["new"]} == {"random"}
    assert {each.role for each in routes} == {SERVING}
    assert policies_asked_for(catalogue) == {"random"}


def test_a_treatment_that_cannot_be_read_leaves_the_decision_to_the_one_that_serves() -> None:
    policies = Policies(loaded={Pin("thompson"): PolicyVersion(ThompsonPolicy(), 4)})
    router = Router(Catalogue(experiments=(_experiment(),)), policies, SALT)
    assert {router.route("acme", each, "d", ()).taught.policy.name for each in PEOPLE[:100]} == {"thompson"}


def test_experiments_are_of_their_tenant_of_people_and_of_decisions_that_their_campaign_competes_for() -> None:
    router = Router(Catalogue(experiments=(_experiment(campaign_id="tea"),)), _policies(), SALT)
    assert router.route("acme", PEOPLE[0], "d", {"tea", "lamp"}).experiments
    assert not router.route("acme", PEOPLE[0], "d", {"lamp"}).experiments
    assert not router.route("other", PEOPLE[0], "d", {"tea"}).experiments
    assert not router.route("acme", None, "d", {"tea"}).experiments


def test_the_holdout_is_in_no_experiment() -> None:
    router = Router(Catalogue(experiments=(_experiment(),)), _policies(), SALT, holdout=0.1)
    outside = sum(not router.route("acme", each, "d", ()).experiments for each in PEOPLE)
    assert abs(outside / len(PEOPLE) - 0.1) < 0.01


_ELSEWHERE = """
from tests.decisions.test_routing import PEOPLE, SALT, _experiment, _policies, Catalogue, Router
router = Router(Catalogue(experiments=(_experiment(),)), _policies(0.2), SALT)
alone = Router(Catalogue(), _policies(0.2), SALT)
for each in PEOPLE[:300]:
    print(router.route("acme", each, "d", ()).experiments["e1"], alone.route("acme", each, "d", ()).role)
"""


def test_another_process_places_people_alike() -> None:
    router = Router(Catalogue(experiments=(_experiment(),)), _policies(0.2), SALT)
    alone = Router(Catalogue(), _policies(0.2), SALT)
    here = [
        f"{router.route('acme', each, 'd', ()).experiments['e1']} {alone.route('acme', each, 'd', ()).role}"
        for each in PEOPLE[:300]
    ]
    done = subprocess.run([sys.executable, "-c", _ELSEWHERE], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout.splitlines() == here

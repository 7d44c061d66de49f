"""Versions and roles of policies: reloaded only where something changed, kept as long as needed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from alphaads_pipelines.bandits import policy_store
from alphaads_pipelines.bandits.base import Outcomes, Policy
from alphaads_pipelines.bandits.context import FEATURES, vector
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.bandits.policy_roles import Canary, Pin, Roles
from alphaads_pipelines.bandits.policy_store import (
    Policies,
    append_version,
    change_roles,
    load_version,
    prune_versions,
    read_policies,
    read_roles,
    versions_of,
    write_roles_in,
)
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.errors import ConfigurationError, InvalidRequest, NotFound, SchemaMismatch, WriteConflict
from alphaads_pipelines.stores.sql.documents import publish_document
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=90)


def _thompson(pulls: int) -> ThompsonPolicy:
    policy = ThompsonPolicy()
    policy.update({"a": (pulls, 1)})
    return policy


def _linucb() -> LinUCBPolicy:
    policy, rng = LinUCBPolicy(), np.random.default_rng(5)
    contexts = np.array([vector({"mood": "joy", "hour": hour}) for hour in range(20)])
    policy.learn(Outcomes(["a", "b"] * 10, contexts, rng.integers(0, 2, 20).astype(float)))
    return policy


def _taught(engine: Engine, policy: Policy, at: datetime = NOON) -> int:
    with transaction(engine) as connection:
        return append_version(connection, policy, at)


def _read(engine: Engine, held: Policies | None = None, *also: str) -> Policies:
    with reading(engine) as connection:
        return read_policies(connection, held or Policies(), also)


def _change(engine: Engine, change: Callable[[Roles], Roles]) -> Roles:
    return change_roles(engine, change, NOON)


def test_before_anything_was_taught_a_new_policy_serves(engine: Engine) -> None:
    held = Policies()
    policies = _read(engine, held)
    assert policies is held
    assert (policies.serving.policy.name, policies.serving.version) == ("thompson", 0)
    assert (policies.canary, policies.shadow, policies.version) == (None, {}, "0.0")


def test_the_newest_version_serves_and_is_read_once(engine: Engine) -> None:
    _taught(engine, _thompson(1))
    newest = _taught(engine, _thompson(2))
    policies = _read(engine)
    assert policies.serving.version == newest
    assert policies.serving.policy.state() == _thompson(2).state()
    assert _read(engine, policies) is policies
    third = _taught(engine, _thompson(3))
    moved = _read(engine, policies)
    assert (moved.serving.version, policies.serving.version) == (third, newest)


def test_a_version_decides_as_the_policy_that_was_kept(engine: Engine) -> None:
    kept = _linucb()
    version = _taught(engine, kept)
    with reading(engine) as connection:
        read = load_version(connection, Pin("linucb", version)).policy
    contexts = np.array([vector({"mood": "joy", "hour": hour}) for hour in range(24)])
    assert contexts.shape == (24, FEATURES)
    assert (read.distributions(["a", "b", "c"], contexts, 1) == kept.distributions(["a", "b", "c"], contexts, 1)).all()


def test_a_pinned_version_stays_whatever_is_taught(engine: Engine) -> None:
    pinned = _taught(engine, _thompson(1))
    _change(engine, lambda roles: roles.promote(Pin("thompson", pinned), "a", NOON, {}))
    policies = _read(engine)
    _taught(engine, _thompson(2))
    assert _read(engine, policies).serving.version == pinned


def test_roles_change_at_the_next_look_and_back(engine: Engine) -> None:
    number = _taught(engine, _thompson(1))
    other = _taught(engine, _linucb())
    before = _read(engine)
    _change(engine, lambda roles: roles.promote(Pin("linucb"), "a", NOON, {"low": 0.1}))
    promoted = _read(engine, before)
    assert (promoted.serving.policy.name, promoted.serving.version) == ("linucb", other)
    _change(engine, lambda roles: roles.roll_back("a", NOON))
    back = _read(engine, promoted)
    assert (back.serving.policy.name, back.serving.version) == ("thompson", number)
    assert len({each.version for each in (before, promoted, back)}) == 3


def test_canary_shadow_and_what_is_asked_for_by_name_are_read_too(engine: Engine) -> None:
    linucb = _taught(engine, _linucb())
    _change(
        engine, lambda roles: roles.set_canary(Canary("linucb", 0.1), "a", NOON, {}).set_shadows(("random",), "a", NOON)
    )
    policies = _read(engine, None, "epsilon_greedy", "linucb")
    assert policies.canary is not None
    assert policies.canary.version == linucb
    assert policies.canary is policies.named("linucb"), "the same policy in the same version is read once"
    assert [(name, each.policy.name) for name, each in policies.shadow.items()] == [("random", "random")]
    asked = policies.named("epsilon_greedy")
    assert asked is not None
    assert asked.policy.name == "epsilon_greedy"
    assert policies.named("random") is policies.shadow["random"]
    assert _read(engine, policies).named("epsilon_greedy") is None
    assert _read(engine, policies, "epsilon_greedy", "linucb") is policies


def test_what_moved_is_read_and_the_rest_is_kept(engine: Engine) -> None:
    _taught(engine, _thompson(1))
    _taught(engine, _linucb())
    _change(engine, lambda roles: roles.set_shadows(("linucb",), "a", NOON))
    before = _read(engine)
    _taught(engine, _thompson(2))
    after = _read(engine, before)
    assert after.shadow["linucb"] is before.shadow["linucb"]
    assert after.serving is not before.serving


def test_a_serving_policy_that_cannot_be_read_is_an_error(engine: Engine) -> None:
    publish_document(engine, "policy", {"policy": "of a later version", "state": {}}, NOON)
    with pytest.raises(ConfigurationError):
        _read(engine)
    publish_document(engine, "policy", {"serving": 7}, NOON)
    with pytest.raises(SchemaMismatch):
        _read(engine)


@pytest.mark.parametrize("state", [zlib.compress(b'{"sums": {"a": "no base64"}}'), zlib.compress(b"{"), b"no zlib"])
def test_a_shadow_that_cannot_be_read_is_left_out_and_told_of_once(engine: Engine, state: bytes) -> None:
    broken = _taught(engine, _linucb())
    versions = sql_table("policy_versions")
    with transaction(engine) as connection:
        connection.execute(versions.update().values(state=state))
    _change(engine, lambda roles: roles.set_shadows(("linucb", "random"), "a", NOON))
    with capture_logs() as logs:
        policies = _read(engine)
        assert _read(engine, policies) is policies
    assert list(policies.shadow) == ["random"]
    assert policies.unavailable == {Pin("linucb"): broken}
    assert [(each["policy"], each["version"]) for each in logs] == [("linucb", broken)]
    _taught(engine, _linucb())
    assert list(_read(engine, policies).shadow) == ["linucb", "random"]


def test_a_version_of_another_policy_or_of_none_is_not_found(engine: Engine) -> None:
    version = _taught(engine, _thompson(1))
    with reading(engine) as connection:
        for wrong in (Pin("linucb", version), Pin("thompson", version + 1)):
            with pytest.raises(NotFound, match="is not kept"):
                load_version(connection, wrong)
        assert load_version(connection, Pin("thompson")).version == version
        assert load_version(connection, Pin("thompson", 0)).policy.state() == ThompsonPolicy().state()


def test_of_two_that_change_the_roles_at_once_one_is_refused(engine: Engine) -> None:
    seen, roles = read_roles(engine)
    _change(engine, lambda roles: roles.set_shadows(("random",), "a", NOON))
    with pytest.raises(WriteConflict), transaction(engine) as connection:
        write_roles_in(connection, roles.set_shadows(("linucb",), "b", NOON), NOON, seen=seen)
    assert read_roles(engine)[1].shadow == ("random",)


def test_a_change_that_is_refused_changes_nothing(engine: Engine) -> None:
    with pytest.raises(InvalidRequest):
        _change(engine, lambda roles: roles.roll_back("a", NOON))
    assert read_roles(engine) == (0, Roles())


def _pruned(engine: Engine, keep: set[int], name: str = "thompson") -> list[datetime]:
    with transaction(engine) as connection:
        prune_versions(connection, [name], NOON, since=LONG_AGO, keep=keep)
        return [at for _, at in versions_of(connection, name)]


def test_old_versions_thin_out_and_what_is_pinned_stays(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_store, "NEWEST", 3)
    ages = [100.0, 50.3, 50.1, 8.3, 8.2, 2.01, 2.005, 2.0, 0.3, 0.2, 0.1, 0.0]
    times = [NOON - timedelta(days=age) for age in ages]
    numbers = [_taught(engine, _thompson(1), at) for at in times]
    _taught(engine, _linucb(), times[0])
    left = _pruned(engine, {numbers[3]})
    assert [ages[times.index(at)] for at in left] == [0.0, 0.1, 0.2, 0.3, 2.0, 2.005, 8.2, 8.3, 50.1]
    assert _pruned(engine, {numbers[3]}) == left
    assert len(_pruned(engine, set(), "linucb")) == 1, "the newest of a policy stays, however old it is"

"""Serving, canary and shadow policies: every change is recorded, and can be rolled back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from alphaads_pipelines.bandits.policy_roles import (
    KEPT_CHANGES,
    Canary,
    Pin,
    Roles,
    check_name,
    document_of,
    roles_of,
)
from alphaads_pipelines.errors import InvalidRequest, SchemaMismatch

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINUCB = Pin("linucb")


def _promoted(to: Pin = LINUCB) -> Roles:
    return Roles().promote(to, "cli:ann", NOON, {"low": 0.04})


def test_thompson_serves_until_another_one_is_promoted() -> None:
    assert Roles().serving == Pin("thompson")
    assert Roles().pins == (Pin("thompson"),)
    assert Roles().pinned == frozenset()


def test_a_promotion_says_what_was_done_by_whom_when_and_why() -> None:
    roles = _promoted()
    assert (roles.serving, roles.previous) == (LINUCB, Pin("thompson"))
    [change] = roles.history
    assert (change.what, change.by, change.figures) == ("promote linucb", "cli:ann", {"low": 0.04})
    assert change.at == "2026-11-24T12:00:00+00:00"


def test_what_is_promoted_is_no_canary_and_no_shadow_any_more() -> None:
    tried = Roles().set_canary(Canary("linucb", 0.05), "a", NOON, {}).set_shadows(("linucb", "random"), "a", NOON)
    roles = tried.promote(LINUCB, "a", NOON, {})
    assert (roles.canary, roles.shadow) == (None, ("random",))
    others = tried.promote(Pin("random"), "a", NOON, {})
    assert others.canary is not None
    assert others.canary.policy == "linucb"


def test_a_rollback_serves_what_served_before_and_can_itself_be_rolled_back() -> None:
    tried = _promoted(Pin("linucb", 7)).set_canary(Canary("random", 0.1), "a", NOON, {})
    back = tried.roll_back("a", NOON)
    assert (back.serving, back.previous, back.canary) == (Pin("thompson"), Pin("linucb", 7), None)
    assert back.roll_back("a", NOON).serving == Pin("linucb", 7)
    assert [each.what for each in back.history][-1] == "roll back to thompson"


def test_where_nothing_served_before_a_rollback_ends_the_canary() -> None:
    tried = Roles().set_canary(Canary("linucb", 0.5), "a", NOON, {})
    back = tried.roll_back("a", NOON)
    assert (back.serving, back.canary) == (Pin("thompson"), None)
    with pytest.raises(InvalidRequest, match="nothing to roll back"):
        back.roll_back("a", NOON)


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, 1.0, float("nan")])
def test_a_canary_has_a_small_share(share: float) -> None:
    with pytest.raises(InvalidRequest, match="share of a canary"):
        Roles().set_canary(Canary("linucb", share), "a", NOON, {})


def test_what_serves_cannot_be_promoted_or_tried() -> None:
    with pytest.raises(InvalidRequest, match="thompson serves already"):
        Roles().promote(Pin("thompson"), "a", NOON, {})
    with pytest.raises(InvalidRequest, match="serves already"):
        Roles().set_canary(Canary("thompson", 0.1), "a", NOON, {})
    assert Roles().promote(Pin("thompson", 3), "a", NOON, {}).serving.version == 3


def test_a_canary_that_is_none_cannot_be_ended() -> None:
    tried = Roles().set_canary(Canary("linucb", 0.1), "a", NOON, {})
    ended = tried.set_canary(None, "a", NOON, {})
    assert ended.canary is None
    with pytest.raises(InvalidRequest):
        ended.set_canary(None, "a", NOON, {})


def test_everything_with_a_part_is_named_once_and_what_is_pinned_is_kept() -> None:
    roles = _promoted(Pin("linucb", 7)).set_canary(Canary("linear_thompson", 0.1, 9), "a", NOON, {})
    roles = roles.set_shadows(("random", "linear_thompson", "random"), "a", NOON)
    assert roles.names == ("linucb", "linear_thompson", "thompson", "random")
    assert roles.shadow == ("random", "linear_thompson")
    assert roles.pinned == {7, 9}
    assert roles.pins == (Pin("linucb", 7), Pin("linear_thompson", 9), Pin("random"), Pin("linear_thompson"))


def test_only_the_last_changes_are_kept() -> None:
    roles = Roles()
    for number in range(KEPT_CHANGES + 5):
        roles = roles.set_shadows((f"number-{number}",), "a", NOON)
    assert len(roles.history) == KEPT_CHANGES
    assert roles.history[-1].what == f"shadow number-{KEPT_CHANGES + 4}"


def test_roles_go_through_json() -> None:
    roles = (
        _promoted(Pin("linucb", 7))
        .set_canary(Canary("random", 0.1), "a", NOON, {"n": 3})
        .set_shadows(("random",), "a", NOON)
    )
    assert roles_of(json.loads(json.dumps(document_of(roles)))) == roles


def test_a_document_from_before_there_were_roles_names_the_policy_that_served() -> None:
    assert roles_of({}) == Roles()
    assert roles_of({"policy": "epsilon_greedy", "state": {}, "offsets": {}}).serving == Pin("epsilon_greedy")


@pytest.mark.parametrize("serving", [None, {}, {"policy": 3}, "thompson", {"policy": "thompson", "version": "x"}])
def test_a_document_that_cannot_be_read_is_refused(serving: object) -> None:
    with pytest.raises(SchemaMismatch):
        roles_of({"serving": serving})


def test_a_name_that_is_none_is_wrong_use() -> None:
    assert check_name("linucb") == "linucb"
    with pytest.raises(InvalidRequest, match="known: epsilon_greedy, linear_thompson"):
        check_name("crystal_ball")

"""Decisions within limits, beside shadows and canaries, and computed again from what was logged."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from structlog.testing import capture_logs

from alphaads_pipelines.bandits.base import Outcomes
from alphaads_pipelines.bandits.context import FEATURES
from alphaads_pipelines.bandits.policy_roles import Canary, Pin, Roles
from alphaads_pipelines.bandits.policy_store import Policies, append_version, change_roles, read_policies
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.decisions.decide import Decider, Decision, DecisionRequest, _new_id
from alphaads_pipelines.decisions.explain.recompute import recompute
from alphaads_pipelines.decisions.snapshot import Snapshot, SnapshotReader
from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.schema.tables import EMOTIONS
from alphaads_pipelines.stores.sql.relational import connect, reading, sql_table, transaction
from alphaads_pipelines.stores.subjects.permissions import Permission
from tests.catalogue_factories import campaign, decider, offered, text
from tests.profiles.scores import Scored, frame

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLE = [f"{number:032x}" for number in range(70)]


def _snapshot(campaigns: Sequence[Campaign], **more: Any) -> Snapshot:
    """People who feel something, each emotion ten of them; two texts of each campaign for each emotion."""
    posts = [
        Scored(subject_id=each, created_at=NOON - timedelta(hours=1 + number % 30), emotion=EMOTIONS[number % 7])
        for number, each in enumerate(PEOPLE)
    ]
    states = dict(fold_profiles({}, frame(posts), 1)[0].select("subject_id", "state").rows())
    texts = [
        text(f"{each.campaign_id}-{emotion}-{number}", emotion, each.campaign_id)
        for each in campaigns
        for emotion in each.audience
        for number in range(2)
    ]
    told = {"profiles": {0: states}, "pointers": {0: 3}, **offered(texts, campaigns), **more}
    return Snapshot(complete_until=NOON, **told)


def _ask(made_by: Decider, snapshot: Snapshot, subject: str | None = PEOPLE[3], now: datetime = NOON) -> Decision:
    allowed = Permission((subject,)) if subject else Permission(refusal="no_subject")
    return made_by.decide(snapshot, DecisionRequest(subject, "feed", "acme", "corr"), allowed, now, 1e9)


def _away() -> Decider:
    """One whose store does not answer."""
    return decider(connect("postgresql+psycopg2://nobody@127.0.0.1:1/nothing"))


def _count(engine: Engine, name: str) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(sql_table(name))).scalar_one())


def test_money_and_frequency_are_held_before_the_answer(engine: Engine) -> None:
    limited = campaign("tea", cost_microusd=2_000, daily_budget_microusd=2_000_000, daily_cap=3)
    decision = _ask(decider(engine), _snapshot([limited]))
    assert (decision.campaign_id, decision.cost_microusd) == ("tea", 2_000)
    with reading(engine) as connection:
        [held] = connection.execute(sa.select(sql_table("ad_reservations"))).all()
        [seen] = connection.execute(sa.select(sql_table("ad_frequencies"))).all()
    assert (held.decision_id, held.amount_microusd) == (decision.decision_id, 2_000)
    assert (seen.subject_id, seen.campaign_id, seen.shown) == (PEOPLE[3], "tea", 1)


def test_what_has_no_room_any_more_was_never_a_choice(engine: Engine) -> None:
    """The snapshot believes that both have money; the store knows better of one."""
    broke = campaign("broke", cost_microusd=2_000, budget_microusd=2_000)
    snapshot, made_by = _snapshot([broke, campaign("tea")]), decider(engine)
    decisions = [_ask(made_by, snapshot, None) for _ in range(60)]
    assert Counter(each.campaign_id for each in decisions)["broke"] == 1
    after = decisions[[each.campaign_id for each in decisions].index("broke") + 1 :]
    redrawn = [each for each in after if len(each.eligible) == 2]
    assert redrawn, "some were drawn again"
    for each in redrawn:
        assert all(arm.startswith("tea-") for arm in each.eligible)
        assert each.propensity == pytest.approx(0.5, abs=0.06), "of those that were left"


def test_a_person_is_not_shown_a_campaign_more_often_than_it_says(engine: Engine) -> None:
    capped, made_by = campaign("tea", daily_cap=2), decider(engine)
    snapshot = _snapshot([capped])
    for _ in range(2):
        _ask(made_by, snapshot)
    with pytest.raises(NotFound, match=r"cap \(1\)"):
        _ask(made_by, snapshot)
    assert _ask(made_by, snapshot, PEOPLE[10]).campaign_id == "tea", "somebody else"
    assert _ask(made_by, snapshot, None).campaign_id == "tea", "nobody who could be counted"
    tomorrow = NOON + timedelta(days=1)
    assert _ask(made_by, snapshot, now=tomorrow).campaign_id == "tea"


def test_caps_of_another_tenant_cost_no_question() -> None:
    with capture_logs() as logs:
        decision = _ask(_away(), _snapshot([campaign("tea"), campaign("theirs", tenant="other", daily_cap=1)]))
    assert (decision.campaign_id, logs) == ("tea", [])


def test_linked_subjects_are_one_person_to_a_cap(engine: Engine) -> None:
    made_by, snapshot = decider(engine), _snapshot([campaign("tea", daily_cap=1)])
    ada, bo = PEOPLE[3], PEOPLE[10]
    _ask(made_by, snapshot, ada)
    request = DecisionRequest(bo, "feed", "acme", "corr")
    with pytest.raises(NotFound, match="cap"):
        made_by.decide(snapshot, request, Permission((bo, ada)), NOON, 1e9)


def test_a_mood_that_is_unsafe_for_a_campaign_never_meets_it(engine: Engine) -> None:
    careful = campaign("tea", unsafe_moods=("sadness", "fear"))
    snapshot, made_by = _snapshot([careful]), decider(engine)
    sad = PEOPLE[EMOTIONS.index("sadness")]
    with pytest.raises(NotFound, match="unsafe_mood"):
        _ask(made_by, snapshot, sad, NOON)
    joyful = PEOPLE[EMOTIONS.index("joy")]
    assert _ask(made_by, snapshot, joyful).mood == "joy"


def _falling(subject: str) -> dict[str, bytes]:
    """Joyful by number of posts, and yesterday's joy was greater: the sentiment falls."""
    day = timedelta(days=1)
    before = [
        Scored(subject_id=subject, created_at=NOON - each * day, sentiment_positive=0.95, sentiment_negative=0.05)
        for each in range(2, 6)
    ]
    lately = [
        Scored(
            subject_id=subject, created_at=NOON - timedelta(hours=each), sentiment_positive=0.5, sentiment_negative=0.45
        )
        for each in (1, 2)
    ]
    return dict(fold_profiles({}, frame([*before, *lately]), 1)[0].select("subject_id", "state").rows())


def test_a_mood_that_falls_is_spoken_to_gently_and_the_answer_says_so(engine: Engine) -> None:
    snapshot = _snapshot([campaign()], profiles={0: _falling(PEOPLE[0])})
    decision = _ask(decider(engine), snapshot, PEOPLE[0])
    assert (decision.mood, decision.context["mood_trend"]) == ("joy", "falling")
    assert decision.creative["emotion"] == "sadness", "whose texts are gentle"
    assert "spoken to calmly" in decision.reason


def test_while_the_store_is_away_only_what_needs_it_is_not_shown() -> None:
    away = _away()
    limited = campaign("limited", cost_microusd=2_000, daily_budget_microusd=2_000_000, daily_cap=1)
    both = _snapshot([limited, campaign("tea")])
    with capture_logs() as logs:
        assert {_ask(away, both).campaign_id for _ in range(5)} == {"tea"}
        assert {_ask(away, both, None).campaign_id for _ in range(20)} == {"tea"}
        with pytest.raises(NotFound, match="unchecked"):
            _ask(away, _snapshot([limited]))
    assert {log["error"] for log in logs} == {"store_unavailable"}
    assert not any(PEOPLE[3] in str(log) for log in logs)


def test_a_campaign_without_limits_costs_no_row(engine: Engine) -> None:
    _ask(decider(engine), _snapshot([campaign()]))
    assert (_count(engine, "ad_reservations"), _count(engine, "campaign_spending")) == (0, 0)


def test_a_tenant_is_offered_its_own_campaigns_alone(engine: Engine) -> None:
    snapshot = _snapshot([campaign("theirs", tenant="other")])
    with pytest.raises(NotFound):
        _ask(decider(engine), snapshot)


def _taught(engine: Engine, name: str) -> int:
    """A policy that has learned something, as the store keeps it; its version."""
    dice, policy = np.random.default_rng(3), POLICIES.load(name).from_state({})
    arms = [f"tea-{emotion}-{number}" for emotion in EMOTIONS for number in range(2)]
    shown = [arms[each] for each in dice.integers(0, len(arms), 600)]
    contexts = dice.normal(size=(600, FEATURES)) * 0.3
    policy.learn(Outcomes(shown, contexts, (dice.random(600) < 0.2).astype(np.float64)))
    with transaction(engine) as connection:
        return append_version(connection, policy, NOON)


def _policies(engine: Engine) -> Policies:
    with reading(engine) as connection:
        return read_policies(connection, Policies())


def _recomputed(engine: Engine, name: str, number: int) -> list[tuple[bool, bool]]:
    version = _taught(engine, name)
    change_roles(engine, lambda _: Roles(Pin(name)), NOON)
    snapshot, made_by = _snapshot([campaign()], policies=_policies(engine)), decider(engine)
    found = []
    with reading(engine) as connection:
        for each in range(number):
            now = NOON + timedelta(minutes=each)
            decision = _ask(made_by, snapshot, PEOPLE[each % 70] if each % 8 else None, now)
            assert (decision.policy, decision.policy_version) == (name, version)
            record = msgspec.json.decode(msgspec.json.encode(decision))
            again = recompute(connection, record)
            assert again.problem == ""
            found.append((again.is_same_arm, again.is_same_propensity))
    return found


@pytest.mark.parametrize("name", list(POLICIES))
def test_logged_decisions_recompute_to_the_same_arm_and_propensity(engine: Engine, name: str) -> None:
    assert set(_recomputed(engine, name, 60)) == {(True, True)}


@pytest.mark.sweep
@pytest.mark.parametrize("name", list(POLICIES))
def test_ten_thousand_logged_decisions_recompute(engine: Engine, name: str) -> None:
    assert set(_recomputed(engine, name, 10_000 // len(list(POLICIES)) + 1)) == {(True, True)}


def test_shadows_are_recorded_and_not_shown(engine: Engine) -> None:
    _taught(engine, "linucb")
    change_roles(engine, lambda roles: roles.set_shadows(("linucb",), "test", NOON), NOON)
    snapshot = _snapshot([campaign()], policies=_policies(engine))
    decisions = [_ask(decider(engine), snapshot) for _ in range(30)]
    assert {each.policy for each in decisions} == {"thompson"}
    shadow = [each.shadow["linucb"] for each in decisions]
    assert {each["version"] for each in shadow} == {1}
    assert all(each["arm_id"] in made.eligible for each, made in zip(shadow, decisions, strict=True))
    with reading(engine) as connection:
        told = {"policy": "linucb", "policy_version": 1, "eligible": decisions[0].eligible, **shadow[0]}
        again = recompute(connection, {**told, "context": decisions[0].context, "seed": decisions[0].seed})
    assert (again.is_same_arm, again.is_same_propensity) == (True, True)


def test_a_change_of_roles_counts_from_the_next_answer_on(engine: Engine) -> None:
    reader, made_by = SnapshotReader(engine), decider(engine)
    base = _snapshot([campaign()])

    def role() -> tuple[str, str]:
        reader.refresh()
        decision = _ask(made_by, replace(base, policies=reader.current.policies))
        return decision.policy, decision.policy_role

    assert role() == ("thompson", "serving")
    change_roles(engine, lambda roles: roles.promote(Pin("random"), "test", NOON, {}), NOON)
    assert role() == ("random", "serving")
    change_roles(engine, lambda roles: roles.roll_back("test", NOON), NOON)
    assert role() == ("thompson", "serving")
    change_roles(engine, lambda roles: roles.set_canary(Canary("linucb", 0.5), "test", NOON, {}), NOON)
    reader.refresh()
    snapshot = replace(base, policies=reader.current.policies)
    met = {(each.policy, each.policy_role) for each in (_ask(made_by, snapshot, one) for one in PEOPLE)}
    assert met == {("thompson", "serving"), ("linucb", "canary")}


def test_ids_are_uuids_that_grow_with_time() -> None:
    made = [uuid.UUID(_new_id(NOON + n * timedelta(milliseconds=1))) for n in range(50)]
    assert made == sorted(set(made))
    assert {(each.version, each.variant) for each in made} == {(7, uuid.RFC_4122)}
    assert made[0].int >> 80 == int(NOON.timestamp() * 1_000)
    assert _new_id(NOON) != _new_id(NOON)

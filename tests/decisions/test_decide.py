"""A decision: who gets which creative, with what probability, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from alphaads_pipelines.bandits.policy_roles import Pin
from alphaads_pipelines.bandits.policy_store import Policies, PolicyVersion
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.decisions.decide import Decision, DecisionRequest
from alphaads_pipelines.decisions.person import REASONS
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.errors import NotFound, StaleData
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.stores.subjects.permissions import Permission, Refusal
from tests.catalogue_factories import decide, offered, text
from tests.profiles.scores import Scored, frame

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADA, BO = "a" * 32, "b" * 32


def _snapshot(*posts: Scored) -> Snapshot:
    profiles = fold_profiles({}, frame(posts), 1)[0]
    policy = ThompsonPolicy()
    policy.update({"joy-1": (100, 30), "joy-2": (100, 3)})
    return Snapshot(
        profiles={3: dict(profiles.select("subject_id", "state").rows())},
        pointers={3: 7, 4: 5},
        **offered(
            [
                text("joy-2", "joy"),
                text("joy-1", "joy"),
                text("joy-3", "joy", moderation="refused"),
                text("anger-1", "anger"),
                text("neutral-1", "neutral"),
            ]
        ),
        policies=Policies(loaded={Pin("thompson"): PolicyVersion(policy, 4)}),
        complete_until=NOON - timedelta(seconds=5),
    )


def _decide(
    snapshot: Snapshot, subject: str | None, now: datetime = NOON, permission: Permission | None = None
) -> Decision:
    """For somebody who allows it, unless `permission` says otherwise."""
    allowed = Permission((subject,)) if subject else Permission(refusal="no_subject")
    return decide(snapshot, DecisionRequest(subject, "feed", "acme", "corr"), permission or allowed, now)


def test_the_mood_of_now_chooses_the_creatives() -> None:
    snapshot = _snapshot(Scored(subject_id=ADA, created_at=NOON - timedelta(hours=2)))
    decision = _decide(snapshot, ADA)
    assert (decision.mood, decision.personalised) == ("joy", True)
    assert decision.eligible == ["joy-1", "joy-2"], "approved ones only, in order"
    assert decision.creative["creative_id"] == decision.arm_id
    assert "joy" in decision.reason
    assert (decision.tenant, decision.placement, decision.correlation_id) == ("acme", "feed", "corr")


def test_it_says_what_it_was_made_from() -> None:
    decision = _decide(_snapshot(Scored(subject_id=ADA)), ADA)
    assert (decision.version, decision.policy, decision.policy_version) == ("p7.c2.b0.4", "thompson", 4)
    assert decision.data_age_s == 5.0
    assert decision.decided_at == NOON.isoformat()


def test_it_can_be_computed_again() -> None:
    snapshot = _snapshot(Scored(subject_id=ADA))
    decision = _decide(snapshot, ADA)
    again = snapshot.policies.serving.policy.choose(decision.eligible, decision.context, decision.seed)
    assert (again.arm_id, again.propensity) == (decision.arm_id, decision.propensity)


@pytest.mark.parametrize(("subject", "why"), [(None, "no_subject"), (BO, "no_profile")])
def test_without_a_profile_nothing_is_personalised(subject: str | None, why: str) -> None:
    decision = _decide(_snapshot(Scored(subject_id=ADA)), subject)
    assert (decision.mood, decision.personalised, decision.arm_id) == (None, False, "neutral-1")
    assert decision.personalisation == why


@pytest.mark.parametrize("refusal", get_args(Refusal))
def test_what_is_not_allowed_is_not_used_and_the_answer_says_why(refusal: Refusal) -> None:
    snapshot = _snapshot(Scored(subject_id=ADA))
    decision = _decide(snapshot, ADA, permission=Permission(refusal=refusal))
    assert (decision.mood, decision.personalised, decision.arm_id) == (None, False, "neutral-1")
    assert decision.subject_id is None, "the record names nobody either"
    assert decision.personalisation == refusal
    assert decision.reason.startswith(REASONS[refusal])


def test_linked_subjects_are_one_profile_and_only_those_that_are_allowed() -> None:
    hour_ago = NOON - timedelta(hours=1)
    sad = [Scored(subject_id=BO, emotion="anger", created_at=hour_ago) for _ in range(3)]
    snapshot = _snapshot(Scored(subject_id=ADA, created_at=hour_ago), *sad)
    assert _decide(snapshot, ADA, permission=Permission((ADA, BO))).mood == "anger"
    assert _decide(snapshot, ADA, permission=Permission((ADA,))).mood == "joy"
    assert _decide(snapshot, ADA, permission=Permission((ADA, "f" * 32))).mood == "joy"


def test_what_a_person_says_of_themselves_stands_above_what_was_inferred() -> None:
    snapshot = _snapshot(Scored(subject_id=ADA))
    stated = _decide(snapshot, ADA, permission=Permission((ADA,), rectified={"mood": "anger", "language": "de"}))
    assert (stated.mood, stated.personalised, stated.arm_id) == ("anger", True, "anger-1")
    assert stated.personalisation == "correction"
    wrong = _decide(snapshot, ADA, permission=Permission((ADA,), rectified={"mood": None}))
    assert (wrong.mood, wrong.personalised, wrong.arm_id) == (None, False, "neutral-1")
    assert "inferred wrongly" in wrong.reason


def test_a_profile_without_emotion_is_not_personalised() -> None:
    decision = _decide(_snapshot(Scored(subject_id=ADA, emotion=None)), ADA)
    assert not decision.personalised
    assert "no emotion" in decision.reason


def test_each_decision_has_an_id_and_a_seed_of_its_own() -> None:
    snapshot = _snapshot(Scored(subject_id=ADA))
    decisions = [_decide(snapshot, ADA) for _ in range(50)]
    assert len({each.decision_id for each in decisions}) == 50
    assert len({each.seed for each in decisions}) == 50
    assert {each.arm_id for each in decisions} <= {"joy-1", "joy-2"}


def test_before_any_policy_every_creative_has_its_chance() -> None:
    snapshot = replace(_snapshot(Scored(subject_id=ADA)), policies=Policies())
    assert 0.3 < _decide(snapshot, ADA).propensity < 0.7


def test_nothing_that_fits_is_said_so() -> None:
    with pytest.raises(NotFound, match="no_creative"):
        _decide(_snapshot(Scored(subject_id=ADA, emotion="fear")), ADA)


def test_stale_data_decides_nothing() -> None:
    snapshot = _snapshot(Scored(subject_id=ADA))
    assert _decide(snapshot, ADA, NOON + timedelta(seconds=55)).data_age_s == 60.0
    with pytest.raises(StaleData, match="61 s old; more than 60 s"):
        _decide(snapshot, ADA, NOON + timedelta(seconds=56))
    with pytest.raises(StaleData, match="nothing is published"):
        _decide(Snapshot(), ADA)


def test_an_age_is_never_negative() -> None:
    assert _decide(_snapshot(Scored(subject_id=ADA)), ADA, NOON - timedelta(seconds=9)).data_age_s == 0.0

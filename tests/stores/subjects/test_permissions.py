"""Permissions on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, NotFound, NotPermitted, Restricted
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.stores.subjects.permissions import (
    Permission,
    excluded_in,
    link,
    permission_of,
    profile_permission_of,
    unlink,
)
from alphaads_pipelines.stores.subjects.rectifications import rectify, withdraw_rectification
from alphaads_pipelines.stores.subjects.restrictions import lift_restriction, restrict
from tests.stores.subjects.people import NOON, make_subjects, say

pytestmark = pytest.mark.integration
ADS = "personalised_ads"


def _allowing(engine: Engine, *platforms: str) -> list[str]:
    """Subjects who allow ads and linking."""
    subjects = make_subjects(engine, *platforms)
    for each in subjects:
        say(engine, each, ADS)
        say(engine, each, "linking")
    return subjects


def test_nothing_is_allowed_that_nobody_was_asked_about(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    assert permission_of(engine, ada, ADS) == Permission(refusal="no_consent")
    assert permission_of(engine, None, ADS) == Permission(refusal="no_subject")
    assert permission_of(engine, "f" * 32, ADS) == Permission(refusal="unknown_subject")
    assert permission_of(engine, ada, "analytics") == Permission((ada,)), "aggregates need no consent"


def test_consent_holds_until_it_is_withdrawn_and_from_when_it_is_given_again(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    for granted in (True, False, True, False):
        say(engine, ada, ADS, granted=granted)
        assert permission_of(engine, ada, ADS).subjects == ((ada,) if granted else ())


def test_consent_to_another_purpose_is_none(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    say(engine, ada, "model_training")
    say(engine, ada, "linking")
    assert permission_of(engine, ada, ADS).refusal == "no_consent"


def test_the_terms_of_the_network_stand_above_consent(engine: Engine) -> None:
    [member] = make_subjects(engine, "x")
    say(engine, member, ADS)
    subjects = sql_table("subjects")
    with transaction(engine) as connection:
        connection.execute(subjects.update().values(platform="linkedin"))
    assert permission_of(engine, member, ADS).refusal == "source_terms"


def test_who_is_restricted_is_not_used_until_the_restriction_is_lifted(engine: Engine) -> None:
    [ada] = _allowing(engine, "x")
    restrict(engine, ada, "accuracy", NOON)
    assert permission_of(engine, ada, ADS) == profile_permission_of(engine, ada) == Permission(refusal="restricted")
    assert lift_restriction(engine, ada)
    assert not lift_restriction(engine, ada)
    assert permission_of(engine, ada, ADS).subjects == (ada,)


def test_a_restriction_has_a_reason_of_the_law(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    with pytest.raises(InvalidRequest, match="accuracy, unlawful"):
        restrict(engine, ada, "because", NOON)


def test_linked_subjects_are_used_together_both_ways(engine: Engine) -> None:
    ada, bo, cy = _allowing(engine, "x", "facebook", "instagram")
    assert link(engine, [bo, ada], NOON) == (ada, bo)
    assert permission_of(engine, ada, ADS).subjects == (ada, bo)
    assert permission_of(engine, bo, ADS).subjects == (bo, ada)
    assert permission_of(engine, cy, ADS).subjects == (cy,)
    assert link(engine, [bo, cy], NOON) == (ada, bo, cy), "links join whole people"
    assert permission_of(engine, ada, ADS).subjects == profile_permission_of(engine, ada).subjects == (ada, bo, cy)


def test_withdrawing_linking_splits_at_once_and_granting_it_again_does_not_link_again(engine: Engine) -> None:
    ada, bo, cy = _allowing(engine, "x", "facebook", "instagram")
    link(engine, [ada, bo, cy], NOON)
    say(engine, bo, "linking", granted=False)
    assert permission_of(engine, bo, ADS).subjects == profile_permission_of(engine, bo).subjects == (bo,)
    assert permission_of(engine, ada, ADS).subjects == (ada, cy)
    say(engine, bo, "linking")
    assert permission_of(engine, bo, ADS).subjects == (bo,)
    say(engine, cy, "linking", granted=False)
    assert permission_of(engine, ada, ADS).subjects == (ada,)
    assert not unlink(engine, ada), "who is left alone is linked to nobody"


def test_unlinking_splits(engine: Engine) -> None:
    ada, bo = _allowing(engine, "x", "facebook")
    link(engine, [ada, bo], NOON)
    assert unlink(engine, ada)
    assert permission_of(engine, bo, ADS).subjects == (bo,)
    assert not unlink(engine, bo)


def test_of_linked_subjects_only_those_that_allow_the_purpose_are_used(engine: Engine) -> None:
    ada, bo, cy = _allowing(engine, "x", "facebook", "instagram")
    link(engine, [ada, bo, cy], NOON)
    say(engine, bo, ADS, granted=False)
    restrict(engine, cy, "objection", NOON)
    assert permission_of(engine, ada, ADS).subjects == (ada,)
    assert permission_of(engine, bo, ADS).refusal == "no_consent"
    assert profile_permission_of(engine, ada).subjects == (ada, bo), "a profile that is shown is no ad"
    assert profile_permission_of(engine, "f" * 32).refusal == "unknown_subject"


def test_a_link_needs_everybodys_consent(engine: Engine) -> None:
    ada, bo, cy, member = make_subjects(engine, "x", "facebook", "instagram", "linkedin")
    say(engine, ada, "linking")
    with pytest.raises(NotPermitted, match="each of the subjects"):
        link(engine, [ada, bo], NOON)
    say(engine, bo, "linking")
    link(engine, [ada, bo], NOON)
    with pytest.raises(NotPermitted, match="terms"):
        link(engine, [ada, member], NOON)
    say(engine, cy, "linking")
    restrict(engine, cy, "claims", NOON)
    with pytest.raises(Restricted):
        link(engine, [ada, cy], NOON)
    with pytest.raises(NotFound):
        link(engine, [ada, "f" * 32], NOON)
    for wrong in ([ada], [ada, ada], []):
        with pytest.raises(InvalidRequest, match="at least two"):
            link(engine, wrong, NOON)
    assert profile_permission_of(engine, ada).subjects == (ada, bo)


def test_an_erased_subject_takes_no_part_in_its_person(engine: Engine) -> None:
    ada, bo = _allowing(engine, "x", "facebook")
    link(engine, [ada, bo], NOON)
    subjects = sql_table("subjects")
    with transaction(engine) as connection:
        connection.execute(subjects.delete().where(subjects.c.subject_id == bo))
    assert permission_of(engine, ada, ADS).subjects == (ada,)
    assert permission_of(engine, bo, ADS).refusal == "unknown_subject"


def test_what_a_person_says_of_themselves_is_handed_on_with_what_is_allowed(engine: Engine) -> None:
    ada, bo = _allowing(engine, "x", "facebook")
    rectify(engine, ada, "mood", "joy", NOON)
    rectify(engine, ada, "language", "de", NOON)
    rectify(engine, ada, "mood", None, NOON)
    assert permission_of(engine, ada, ADS).rectified == {"mood": None, "language": "de"}
    assert permission_of(engine, bo, ADS).rectified == {}
    link(engine, [ada, bo], NOON)
    assert profile_permission_of(engine, bo).rectified == {"mood": None, "language": "de"}
    assert withdraw_rectification(engine, ada, "mood")
    assert not withdraw_rectification(engine, ada, "mood")
    assert permission_of(engine, ada, ADS).rectified == {"language": "de"}


def test_who_allows_nothing_is_shown_as_they_say(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    rectify(engine, ada, "mood", "joy", NOON)
    assert profile_permission_of(engine, ada) == Permission((ada,), None, {"mood": "joy"})
    assert permission_of(engine, ada, ADS) == Permission(refusal="no_consent")


@pytest.mark.parametrize(
    ("field", "value"),
    [("posts", 3), ("plantedfield", "joy"), ("mood", "plantedmood"), ("language", "Planted"), ("language", ["de"])],
)
def test_a_correction_that_does_not_fit_is_refused_and_not_repeated(engine: Engine, field: str, value: object) -> None:
    [ada] = make_subjects(engine, "x")
    with pytest.raises(InvalidRequest) as caught:
        rectify(engine, ada, field, value, NOON)
    assert "lanted" not in str(caught.value)


def test_batch_work_leaves_out_who_is_restricted_or_objects(engine: Engine) -> None:
    ada, bo, cy, _ = make_subjects(engine, "x", "facebook", "instagram", "linkedin")
    restrict(engine, ada, "objection", NOON)
    say(engine, bo, "analytics", granted=False)
    say(engine, cy, "analytics", granted=False)
    say(engine, cy, "analytics")
    with reading(engine) as connection:
        assert excluded_in(connection, "analytics") == {ada, bo}

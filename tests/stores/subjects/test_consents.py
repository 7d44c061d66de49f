"""Consents on SQLite and on PostgreSQL: append-only, the newest holds."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, NotFound, NotPermitted
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.stores.subjects.consents import consent_history, consenting_in, granted_in, record_consent
from tests.stores.subjects.people import NOON, make_subjects, say

pytestmark = pytest.mark.integration


def test_every_word_is_kept_and_the_newest_holds(engine: Engine) -> None:
    ada, bo = make_subjects(engine, "x", "facebook")
    for granted in (True, False, True):
        say(engine, ada, "personalised_ads", granted=granted)
    say(engine, bo, "personalised_ads", granted=False)
    history = consent_history(engine, ada)
    assert [each.is_granted for each in history] == [True, False, True]
    assert (history[0].source, history[0].evidence, history[0].recorded_at) == ("api", "form-7", NOON)
    assert [each.change_seq for each in history] == sorted(each.change_seq for each in history)
    with reading(engine) as connection:
        assert granted_in(connection, [ada, bo], "personalised_ads") == {ada}
        assert granted_in(connection, [ada, bo], "linking") == set()
        assert consenting_in(connection, "personalised_ads", granted=True) == {ada}
        assert consenting_in(connection, "personalised_ads", granted=False) == {bo}
        assert consenting_in(connection, "analytics", granted=False) == set(), "who was not asked said nothing"


def test_a_consent_is_to_one_purpose(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    say(engine, ada, "linking")
    with reading(engine) as connection:
        assert granted_in(connection, [ada], "personalised_ads") == set()


def test_what_the_terms_of_the_network_forbid_cannot_be_granted_and_can_be_refused(engine: Engine) -> None:
    [member] = make_subjects(engine, "linkedin")
    with pytest.raises(NotPermitted, match="terms of linkedin"):
        say(engine, member, "personalised_ads")
    say(engine, member, "personalised_ads", granted=False)
    say(engine, member, "analytics")
    assert [each.purpose for each in consent_history(engine, member)] == ["personalised_ads", "analytics"]


@pytest.mark.parametrize(("purpose", "evidence"), [("everything", "form-7"), ("linking", "Ada Ferncroft")])
def test_what_is_refused_leaves_no_word(engine: Engine, purpose: str, evidence: str) -> None:
    [ada] = make_subjects(engine, "x")
    with pytest.raises(InvalidRequest):
        record_consent(engine, ada, purpose, granted=True, source="api", evidence=evidence, now=NOON)
    with pytest.raises(NotFound):
        say(engine, "f" * 32, "linking")
    with reading(engine) as connection:
        assert connection.execute(sa.select(sql_table("consent_events"))).all() == []

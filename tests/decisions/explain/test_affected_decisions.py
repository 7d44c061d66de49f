"""Forwards from a post agrees with backwards from a decision, and tells what the post alone changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from alphaads_pipelines.decisions.explain.affected_decisions import PostImpact, find_affected_decisions
from alphaads_pipelines.decisions.explain.mood_posts import HORIZON, mood_from, read_mood_posts
from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.ingest.find_post import FoundPost, find_post, keys_of, parse_post
from alphaads_pipelines.profiles.mood import FADED
from alphaads_pipelines.schema.tables import POST_SCORES
from alphaads_pipelines.stores.subjects.consents import record_consent
from alphaads_pipelines.stores.subjects.permissions import link
from alphaads_pipelines.wiring.app import Wiring
from tests.decisions.recorded import advertise, mood_at, now, record, subject_of, taken_in
from tests.publishing import publish_batches


@pytest.fixture
def at(wiring: Wiring) -> datetime:
    """When decisions are made: after posts were taken in and published, and there is something to advertise."""
    before = now()
    taken_in(wiring, before, posts=60, authors=4)
    advertise(wiring, before)
    return now()


def found(wiring: Wiring, text: str) -> list[FoundPost]:
    keys = keys_of(wiring.pseudonyms, *parse_post(text))
    return find_post(wiring.engine, wiring.ledger, wiring.lake, wiring.topics.posts, keys)


def touched(wiring: Wiring, text: str) -> PostImpact:
    return find_affected_decisions(wiring.engine, wiring.lake, found(wiring, text))


def posts_of(wiring: Wiring, subject: str) -> pl.DataFrame:
    return wiring.lake.scan(POST_SCORES).filter(pl.col("subject_id") == subject).collect().sort("created_at")


def test_forwards_and_backwards_agree_on_every_post_and_decision(wiring: Wiring, at: datetime) -> None:
    ada = subject_of(wiring, "a0")
    times = [at + timedelta(hours=hours) for hours in (0, 20, 70, 100, 130, 160, 200)]
    made = [record(wiring, number, each, ada) for number, each in enumerate(times, 1)]
    posts = posts_of(wiring, ada)
    assert posts.height > 8
    [shard] = posts["shard"].unique()
    for key in posts["post_key"]:
        told = {each.decision_id: each for each in touched(wiring, f"key:{key.hex()}").decisions}
        for decision, when in zip(made, times, strict=True):
            weighed = read_mood_posts(wiring.engine, wiring.lake, {ada: shard}, when - HORIZON, when).weighed(when)
            own = weighed.filter(pl.col("post_key") == key)
            changes = mood_from(weighed, when) != mood_from(weighed.filter(pl.col("post_key") != key), when)
            is_touched = (
                own.height == 1 and decision.row["personalisation"] == "mood" and (own["weight"][0] >= FADED or changes)
            )
            assert (decision.decision_id in told) == is_touched
            if is_touched:
                touch = told[decision.decision_id]
                assert (touch.weight, touch.share, touch.changed_mood) == (own["weight"][0], own["share"][0], changes)


def _single(wiring: Wiring, text: str = "hooray") -> str:
    """The only post of somebody, which shows an emotion; its id."""
    for number in range(20):  # the scorer of these tests goes by a hash, and sometimes says nothing
        post = {"id": f"only-{number}", "platform": "generic", "author_id": f"solo{number}", "author_name": "S"}
        when = (now() - timedelta(hours=1)).isoformat()
        wiring.intake.take("generic", [{**post, "text": f"{text} {number}", "created_at": when}], "0" * 32)
        publish_batches(wiring)
        if posts_of(wiring, subject_of(wiring, f"solo{number}"))["emotion"][0] is not None:
            return f"only-{number}"
    raise AssertionError("no text shows an emotion")


def test_a_single_post_decides_until_it_has_faded(wiring: Wiring, at: datetime) -> None:
    post = _single(wiring)
    [version] = found(wiring, f"generic:{post}")
    early = record(wiring, 1, now(), version.subject_id, impression_at=now())
    record(wiring, 2, now() + timedelta(hours=101), version.subject_id, personalisation="mood")
    answer = touched(wiring, f"generic:{post}")
    [decision] = answer.decisions
    assert (decision.decision_id, decision.changed_mood, decision.share) == (early.decision_id, True, 1.0)
    [creative] = answer.creatives
    assert (creative.creative_id, creative.decisions, creative.shown) == (early.row["arm_id"], 1, 1)
    assert (creative.headline, creative.tenant) == (f"Kettle {early.row['arm_id']}", "acme")
    assert touched(wiring, f"key:{version.post_key.hex()}") == answer


@pytest.mark.parametrize(
    "other", [{"personalisation": "correction"}, {"subject_id": "0" * 32}, {"decided_at": timedelta(hours=-3)}]
)
def test_decisions_that_went_by_something_else_are_not_touched(
    wiring: Wiring, at: datetime, other: dict[str, Any]
) -> None:
    post = _single(wiring)
    [version] = found(wiring, f"generic:{post}")
    changed = {name: now() + value if isinstance(value, timedelta) else value for name, value in other.items()}
    record(wiring, 3, now(), version.subject_id, **changed)
    assert touched(wiring, f"generic:{post}").decisions == []


def test_decisions_for_a_linked_account_are_touched_from_the_link_on(wiring: Wiring, at: datetime) -> None:
    post = _single(wiring)
    [version] = found(wiring, f"generic:{post}")
    ada, solo = subject_of(wiring, "a0"), version.subject_id
    record(wiring, 4, now(), ada)
    for each in (ada, solo):
        record_consent(wiring.engine, each, "linking", granted=True, source="cli", evidence="t", now=now())
    link(wiring.engine, [ada, solo], now())
    late = record(wiring, 5, now(), ada, mood=mood_at(wiring, [ada, solo], now()))
    assert [each.decision_id for each in touched(wiring, f"generic:{post}").decisions] == [late.decision_id]


def test_an_edit_touches_nothing_of_its_own(wiring: Wiring, at: datetime) -> None:
    post = _single(wiring)
    [first] = found(wiring, f"generic:{post}")
    author = post.replace("only-", "solo")
    edit = {"id": post, "platform": "generic", "author_id": author, "author_name": "S", "text": "edited", "version": 1}
    when = (now() - timedelta(minutes=30)).isoformat()
    wiring.intake.take("generic", [{**edit, "created_at": when}], "0" * 32)
    publish_batches(wiring)
    both = found(wiring, f"generic:{post}")
    assert [each.version for each in both] == [0, 1]
    assert both[0] == first
    record(wiring, 6, now(), first.subject_id)
    assert len(touched(wiring, f"generic:{post}").decisions) == 1
    assert touched(wiring, f"key:{both[1].post_key.hex()}").decisions == []


@pytest.mark.parametrize("wrong", ["nothing", ":1", "x:", "key:12", f"key:{'G' * 32}"])
def test_a_name_that_is_none_is_refused(wiring: Wiring, wrong: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        keys_of(wiring.pseudonyms, *parse_post(wrong))
    assert wrong not in str(refused.value)


@pytest.mark.parametrize("unknown", ["x:42", f"key:{'0' * 32}", "generic:a:b"])
def test_a_post_that_is_not_here_is_not_found(wiring: Wiring, at: datetime, unknown: str) -> None:
    with pytest.raises(NotFound):
        found(wiring, unknown)

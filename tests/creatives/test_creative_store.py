"""Creatives on SQLite and PostgreSQL: their states and history, the queue, and what a person may decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.brand_rules import CampaignRules
from alphaads_pipelines.campaigns.campaign import ACTIVE, ENDED, Campaign
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.store import create_campaign, edit_campaign, set_campaign_state
from alphaads_pipelines.creatives.base import Creative, render
from alphaads_pipelines.creatives.briefs import briefs_of
from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import (
    MOST_HISTORY,
    approve_creative,
    creatives_in,
    list_creatives,
    read_creative,
    reject_creative,
    resubmit_creative,
    save_creatives,
)
from alphaads_pipelines.creatives.moderation import Verdict
from alphaads_pipelines.creatives.review import (
    APPROVED,
    NEEDS_REVIEW,
    PENDING,
    REFUSED,
    Review,
    apply_verdict,
    draft,
    submit,
)
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.stores.sql.relational import reading
from tests.campaigns.test_campaign import NOON, campaign
from tests.campaigns.test_store import edits
from tests.concurrency import at_once

pytestmark = pytest.mark.integration
LATER = NOON + timedelta(hours=1)
FINE = Verdict(True, ())
DOUBTFUL = Verdict(False, (), ("maybe_offensive",))
BAD = Verdict(False, ("offensive",))


def texts(of: Campaign) -> list[Creative]:
    return [creative for brief in briefs_of(of) for creative in TemplateGenerator().generate(brief)]


def keep(engine: Engine, of: Campaign, verdicts: dict[str, Verdict], now: datetime = NOON) -> dict[str, StoredCreative]:
    """Save the campaign's texts with the verdicts given by emotion (else approved); returned by emotion."""
    changes: list[tuple[StoredCreative, list[Review]]] = []
    for each in texts(of):
        path = [draft(each.creative_id, now)]
        path.append(submit(path[-1], now))
        path.append(apply_verdict(path[-1], verdicts.get(each.emotion, FINE), now))
        changes.append((StoredCreative(each, of.tenant, path[-1], True, now), path))
    with editing(engine, now) as connection:
        save_creatives(connection, changes)
    return {stored.creative.emotion: stored for stored, _ in changes}


@pytest.fixture
def spring(engine: Engine) -> Campaign:
    return create_campaign(engine, campaign(), NOON)


def test_a_creative_comes_back_with_every_state_it_came_into(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {"joy": DOUBTFUL})["joy"]
    found, history = read_creative(engine, "acme", kept.creative.creative_id)
    assert found == kept
    assert [each.state for each in history] == ["draft", "pending", "needs_review"]
    assert history[-1] == kept.review
    decision = {"reviewer": "ana", "note": "harmless", "now": LATER}
    approved = approve_creative(engine, "acme", kept.creative.creative_id, **decision)
    found, history = read_creative(engine, "acme", kept.creative.creative_id)
    assert found == approved
    last = Review(kept.creative.creative_id, APPROVED, LATER, ("maybe_offensive",), "ana", "harmless")
    assert (len(history), history[-1], found.review) == (4, last, last)


def test_the_queue_is_what_waits_for_a_person(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {"joy": DOUBTFUL, "fear": BAD, "sadness": DOUBTFUL})
    ids = sorted(kept[each].creative.creative_id for each in ("joy", "sadness"))
    queue = list_creatives(engine, "acme", state=NEEDS_REVIEW)
    assert [each.creative.creative_id for each in queue] == ids
    assert [each.creative.creative_id for each in list_creatives(engine, "acme", state=NEEDS_REVIEW, limit=1)] == ids[
        :1
    ]
    assert list_creatives(engine, "acme", state=NEEDS_REVIEW, after=ids[0], limit=1) == queue[1:]
    assert len(list_creatives(engine, "acme", campaign_id="k1")) == len(kept)
    assert list_creatives(engine, "acme", campaign_id="k2") == list_creatives(engine, "other") == []


def test_another_tenants_creative_is_not_found(engine: Engine, spring: Campaign) -> None:
    creative_id = keep(engine, spring, {"joy": DOUBTFUL})["joy"].creative.creative_id
    decision = {"reviewer": "eve", "note": "mine", "now": NOON}
    calls: list[Callable[[], Any]] = [
        lambda: read_creative(engine, "other", creative_id),
        lambda: approve_creative(engine, "other", creative_id, **decision),
        lambda: reject_creative(engine, "other", creative_id, **decision),
        lambda: resubmit_creative(engine, "other", creative_id, now=NOON),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert read_creative(engine, "acme", creative_id)[0].review.state == NEEDS_REVIEW


def test_what_moderation_refused_nobody_approves(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {"joy": BAD})
    before = edits(engine)
    for emotion in ("joy", "fear"):  # refused; approved already
        with pytest.raises(InvalidRequest, match="cannot be approved"):
            approve_creative(engine, "acme", kept[emotion].creative.creative_id, reviewer="ana", note="x", now=LATER)
    with pytest.raises(InvalidRequest, match="reviewer and a note"):
        reject_creative(engine, "acme", kept["fear"].creative.creative_id, reviewer="ana", note=" ", now=LATER)
    assert edits(engine) == before


def test_an_approval_passes_the_rules_of_the_campaign_as_they_are_now(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {"joy": DOUBTFUL})["joy"]
    rules = CampaignRules(banned_claims=(kept.creative.headline.split()[0],))
    edit_campaign(engine, "acme", "k1", {"rules": rules}, version=0, now=NOON)
    with editing(engine, NOON) as connection:  # as a text that was written again would be
        save_creatives(connection, [(replace(kept, is_current=True), [])])
    with pytest.raises(InvalidRequest, match="campaign_claim"):
        approve_creative(engine, "acme", kept.creative.creative_id, reviewer="ana", note="fine", now=LATER)


def test_a_text_that_is_not_used_any_more_is_not_approved(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {"joy": DOUBTFUL, "fear": BAD, "sadness": DOUBTFUL})
    edit_campaign(engine, "acme", "k1", {"product": "Lumora lamp II"}, version=0, now=NOON)
    assert list_creatives(engine, "acme") == []
    assert len(list_creatives(engine, "acme", is_current=None)) == len(kept)
    with pytest.raises(InvalidRequest, match="not use this text"):
        approve_creative(engine, "acme", kept["joy"].creative.creative_id, reviewer="ana", note="x", now=LATER)
    with pytest.raises(InvalidRequest, match="not use this text"):
        resubmit_creative(engine, "acme", kept["fear"].creative.creative_id, now=LATER)
    gone = reject_creative(engine, "acme", kept["sadness"].creative.creative_id, reviewer="ana", note="x", now=LATER)
    assert gone.review.state == REFUSED


def test_only_texts_of_changed_briefs_are_retired(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {})
    edit_campaign(engine, "acme", "k1", {"name": "Summer", "daily_cap": 2, "segments": ("a",)}, version=0, now=NOON)
    assert len(list_creatives(engine, "acme")) == len(kept)
    edit_campaign(engine, "acme", "k1", {"unsafe_moods": ("anger", "fear")}, version=1, now=NOON)
    assert {each.creative.emotion for each in list_creatives(engine, "acme")} == kept.keys() - {"anger", "fear"}
    set_campaign_state(engine, "acme", "k1", ACTIVE, now=NOON)
    assert list_creatives(engine, "acme")
    set_campaign_state(engine, "acme", "k1", ENDED, now=NOON)
    assert list_creatives(engine, "acme") == []


def test_another_text_is_another_creative_and_was_never_approved(spring: Campaign) -> None:
    [brief] = briefs_of(campaign(emotions=("joy",)))
    first, second = (render(brief, "upbeat", "A lamp", body, "test:1") for body in ("Light.", "Light!"))
    assert first.creative_id != second.creative_id


def test_a_rejected_creative_can_be_moderated_again(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {})["joy"]
    creative_id = kept.creative.creative_id
    assert reject_creative(engine, "acme", creative_id, reviewer="ana", note="no", now=NOON).review.state == REFUSED
    resubmitted = resubmit_creative(engine, "acme", creative_id, now=LATER)
    assert (resubmitted.review.state, resubmitted.review.reviewer) == (PENDING, None)
    with pytest.raises(InvalidRequest, match="cannot be submitted"):
        resubmit_creative(engine, "acme", creative_id, now=LATER)


def test_of_racing_decisions_on_one_text_one_counts(engine: Engine, spring: Campaign) -> None:
    creative_id = keep(engine, spring, {"joy": DOUBTFUL})["joy"].creative.creative_id

    def approve(number: int) -> bool:
        try:
            approve_creative(engine, "acme", creative_id, reviewer=f"r{number}", note="fine", now=NOON)
        except InvalidRequest:
            return False
        return True

    assert at_once(*(lambda each=each: approve(each) for each in range(5))).count(True) == 1
    _, history = read_creative(engine, "acme", creative_id)
    assert [each.state for each in history].count(APPROVED) == 1


def test_a_long_history_is_told_from_its_end(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {})["joy"]
    many = [replace(kept.review, changed_at=NOON + timedelta(minutes=each)) for each in range(MOST_HISTORY + 5)]
    with editing(engine, NOON) as connection:
        save_creatives(connection, [(kept, many)])
    _, history = read_creative(engine, "acme", kept.creative.creative_id)
    assert history == many[-MOST_HISTORY:]


def test_creatives_are_found_by_campaign_for_those_who_write_them(engine: Engine, spring: Campaign) -> None:
    kept = keep(engine, spring, {})
    with reading(engine) as connection:
        found = creatives_in(connection, "campaign_id", ["k1", "k2"])
    assert found == {each.creative.creative_id: each for each in kept.values()}

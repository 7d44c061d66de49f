"""Creatives as they are written, judged and kept: nothing unmoderated is offered, and what people decided stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import polars as pl
import pytest

from alphaads_pipelines.campaigns.brand_rules import CampaignRules
from alphaads_pipelines.campaigns.campaign import ACTIVE, ENDED, PAUSED
from alphaads_pipelines.campaigns.store import create_campaign, edit_campaign, set_campaign_state
from alphaads_pipelines.creatives.base import Brief, Creative, Generator, render
from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import (
    approve_creative,
    list_creatives,
    read_creative,
    reject_creative,
    resubmit_creative,
)
from alphaads_pipelines.creatives.moderation import Classifier, Opinion
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.creatives.tone import tone_for
from alphaads_pipelines.decisions.catalogue import read_catalogue
from alphaads_pipelines.errors import ConfigurationError, StoreUnavailable
from alphaads_pipelines.pipeline.ad_creatives import Refreshed, refresh_creatives
from alphaads_pipelines.schema.tables import AD_CREATIVES, EMOTIONS
from alphaads_pipelines.stores.sql.documents import read_document
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.wiring.app import Wiring
from tests.campaigns.test_campaign import campaign

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


class Writer(Generator):
    """Stub language model that returns configured texts in the tone of the template."""

    name: ClassVar[str] = "writer:1"

    def __init__(self, body: str = "Warm light.", *, is_away: bool = False) -> None:
        super().__init__()
        self.body, self.is_away = body, is_away

    def generate(self, brief: Brief) -> list[Creative]:
        if self.is_away:
            return TemplateGenerator().generate(brief)
        return [render(brief, tone_for(brief.emotion), "The lamp", self.body, self.name)]


class Refusing(Generator):
    """A provider that refuses our key."""

    name: ClassVar[str] = "refusing"

    def generate(self, brief: Brief) -> list[Creative]:
        raise ConfigurationError("the key is refused")


def doubting(text: str) -> Opinion:
    return Opinion(doubts=("maybe_offensive",))


def refusing(text: str) -> Opinion:
    return Opinion(("offensive",))


def away(text: str) -> Opinion:
    raise StoreUnavailable("no answer")


class Installation:
    """One active campaign for joy, with its generator and classifiers."""

    def __init__(self, wiring: Wiring) -> None:
        self.lake, self.engine = wiring.lake, wiring.engine
        create_campaign(self.engine, campaign(emotions=("joy",)), NOON)
        self.campaign = set_campaign_state(self.engine, "acme", "k1", ACTIVE, now=NOON)

    def refresh(self, generator: Generator, *classifiers: Classifier, now: datetime = NOON) -> Refreshed:
        return refresh_creatives(self.lake, self.engine, generator, classifiers, now)

    def offered(self) -> list[str]:
        with reading(self.engine) as connection:
            return [each["body"] for each in read_catalogue(connection, with_samples=True).creatives]

    def only(self) -> StoredCreative:
        [stored] = list_creatives(self.engine, "acme")
        return stored

    def states(self) -> list[str]:
        return [each.state for each in read_creative(self.engine, "acme", self.only().creative.creative_id)[1]]

    def edit(self, **changes: Any) -> None:
        self.campaign = edit_campaign(self.engine, "acme", "k1", changes, version=self.campaign.version, now=NOON)


@pytest.fixture
def ads(wiring: Wiring) -> Installation:
    return Installation(wiring)


def test_texts_of_every_active_campaign_are_written_judged_and_kept(wiring: Wiring, ads: Installation) -> None:
    create_campaign(wiring.engine, campaign(campaign_id="k2", tenant="other", product="Tundrel boots"), NOON)
    create_campaign(wiring.engine, campaign(campaign_id="k3", tenant="other"), NOON)
    set_campaign_state(wiring.engine, "other", "k2", ACTIVE, now=NOON)
    done = ads.refresh(TemplateGenerator(), lambda text: Opinion())
    assert done.rows.group_by("tenant", "campaign_id").len().sort("tenant").rows() == [
        ("acme", "k1", 1),
        ("other", "k2", len(EMOTIONS)),
    ]
    assert set(done.rows["moderation"]) == {"approved"}
    assert (done.changed, ads.states()) == (8, ["draft", "pending", "approved"])
    assert wiring.lake.scan(AD_CREATIVES).collect().equals(done.rows)


def test_writing_the_same_texts_again_changes_nothing(wiring: Wiring, ads: Installation) -> None:
    first = ads.refresh(TemplateGenerator())
    edits = read_document(wiring.engine, "advertising")
    again = ads.refresh(TemplateGenerator(), now=LATER)
    assert (again.delta_version, again.changed) == (None, 0)
    assert again.rows.equals(first.rows)
    assert wiring.lake.version(AD_CREATIVES) == first.delta_version
    assert read_document(wiring.engine, "advertising") == edits


def test_a_text_keeps_the_time_it_was_first_written(ads: Installation) -> None:
    ads.refresh(TemplateGenerator())
    ads.edit(emotions=("joy", "neutral"))
    later = ads.refresh(TemplateGenerator(), now=LATER)
    assert dict(later.rows.select("emotion", "created_at").rows()) == {"joy": NOON, "neutral": LATER}


@pytest.mark.parametrize("classifier", [refusing, doubting, away], ids=lambda each: each.__name__)
def test_what_no_judge_passed_is_not_offered(ads: Installation, classifier: Classifier) -> None:
    done = ads.refresh(Writer(), classifier)
    assert done.rows["moderation"].to_list() == [{doubting: "needs_review"}.get(classifier, "refused")]
    assert ads.offered() == []
    assert ads.only().review.reasons


def test_a_text_that_the_rules_refuse_is_shown_to_no_judge_and_stays_visible(ads: Installation) -> None:
    asked: list[str] = []

    def classifier(text: str) -> Opinion:
        asked.append(text)
        return Opinion()

    done = ads.refresh(Writer("Guaranteed miracle."), classifier)
    assert (asked, done.rows["moderation"].to_list()) == ([], ["refused"])
    assert ads.only().review.reasons == ("banned_claim",)
    assert ads.offered() == []


def test_the_rules_of_the_campaign_judge_its_texts(ads: Installation) -> None:
    ads.edit(rules=CampaignRules(banned_claims=("warm",)))
    ads.refresh(Writer())
    assert ads.only().review.reasons == ("campaign_claim",)


def test_an_outage_of_a_judge_heals_by_itself(ads: Installation) -> None:
    ads.refresh(Writer(), away)
    before = ads.states()
    ads.refresh(Writer(), away, now=LATER)
    assert ads.states() == before, "the same answer is no news"
    ads.refresh(Writer(), lambda text: Opinion(), now=LATER)
    assert ads.states() == [*before, "pending", "approved"]
    assert ads.offered() == ["Warm light."]


def test_an_outage_of_a_judge_takes_nothing_that_was_approved(ads: Installation) -> None:
    ads.refresh(Writer(), lambda text: Opinion())
    ads.refresh(Writer(), away, now=LATER)
    assert ads.offered() == ["Warm light."]


def test_a_person_decides_where_a_judge_doubts_and_is_asked_once(ads: Installation) -> None:
    ads.refresh(Writer(), doubting)
    decision = {"reviewer": "ana", "note": "harmless", "now": NOON}
    approved = approve_creative(ads.engine, "acme", ads.only().creative.creative_id, **decision)
    assert ads.offered() == ["Warm light."]
    ads.refresh(Writer(), doubting, now=LATER)
    assert ads.only() == approved
    ads.refresh(Writer("Cosy light."), doubting, now=LATER)
    assert ads.offered() == [], "the approval was of another text"
    ads.refresh(Writer(), doubting, now=LATER)
    assert ads.only() == approved, "the text came back, and the approval is of it"


def test_what_a_person_rejected_does_not_come_back_by_itself(ads: Installation) -> None:
    ads.refresh(Writer(), lambda text: Opinion())
    creative_id = ads.only().creative.creative_id
    reject_creative(ads.engine, "acme", creative_id, reviewer="ana", note="dull", now=NOON)
    for classifier in (lambda text: Opinion(), doubting):
        ads.refresh(Writer(), classifier, now=LATER)
        assert (ads.only().review.state, ads.offered()) == ("refused", [])
    resubmit_creative(ads.engine, "acme", creative_id, now=LATER)
    assert ads.offered() == []
    ads.refresh(Writer(), lambda text: Opinion(), now=LATER)
    assert ads.offered() == ["Warm light."]


def test_an_approved_text_that_new_rules_refuse_is_refused(ads: Installation) -> None:
    ads.refresh(Writer(), lambda text: Opinion())
    assert ads.offered() == ["Warm light."]
    ads.edit(rules=CampaignRules(banned_claims=("warm",)))
    assert ads.offered() == [], "not even until the next run"
    ads.refresh(Writer(), lambda text: Opinion(), now=LATER)
    assert (ads.only().review.reasons, ads.offered()) == (("campaign_claim",), [])
    assert ads.states()[-2:] == ["pending", "refused"]


def test_an_outage_of_the_writer_leaves_what_is_there(ads: Installation) -> None:
    ads.refresh(Writer())
    ads.refresh(Writer(is_away=True), now=LATER)
    assert ads.offered() == ["Warm light."]
    ads.edit(product="Lumora lamp II")
    ads.refresh(Writer(is_away=True), now=LATER)
    assert ads.only().creative.generator == "templates-1", "the old text was of another product"


def test_an_outage_does_not_keep_a_text_that_is_not_served_anyway(ads: Installation) -> None:
    ads.refresh(Writer("Guaranteed miracle."))
    ads.refresh(Writer(is_away=True), now=LATER)
    assert ads.only().creative.generator == "templates-1"
    assert len(ads.offered()) == 1


def test_a_generator_that_fails_for_good_changes_nothing(ads: Installation) -> None:
    ads.refresh(Writer())
    with pytest.raises(ConfigurationError):
        ads.refresh(Refusing())
    assert ads.offered() == ["Warm light."]


def test_old_texts_are_retired_and_kept(ads: Installation) -> None:
    ads.refresh(Writer())
    done = ads.refresh(Writer("Cosy light."), now=LATER)
    assert (done.changed, ads.offered()) == (2, ["Cosy light."])
    assert done.rows["body"].to_list() == ["Cosy light."]
    kept = list_creatives(ads.engine, "acme", is_current=None)
    assert {each.creative.body: each.is_current for each in kept} == {"Warm light.": False, "Cosy light.": True}


def test_a_paused_campaign_keeps_its_texts_and_gets_no_new_ones(ads: Installation) -> None:
    ads.refresh(Writer())
    set_campaign_state(ads.engine, "acme", "k1", PAUSED, now=NOON)
    done = ads.refresh(Writer("Cosy light."), now=LATER)
    assert (done.changed, done.rows["body"].to_list(), ads.offered()) == (0, ["Warm light."], [])
    set_campaign_state(ads.engine, "acme", "k1", ACTIVE, now=LATER)
    assert ads.offered() == ["Warm light."]
    set_campaign_state(ads.engine, "acme", "k1", ENDED, now=LATER)
    assert ads.refresh(Writer(), now=LATER).rows.is_empty()


class Meddling(Writer):
    """Runs a concurrent change during generation."""

    def __init__(self, meddle: Any) -> None:
        super().__init__("Cosy light.")
        self.meddle = meddle

    def generate(self, brief: Brief) -> list[Creative]:
        self.meddle()
        return super().generate(brief)


def test_what_happened_while_texts_were_written_is_not_overwritten(ads: Installation) -> None:
    ads.refresh(Writer())
    creative_id = ads.only().creative.creative_id
    reject = lambda: reject_creative(ads.engine, "acme", creative_id, reviewer="ana", note="no", now=NOON)  # noqa: E731
    assert ads.refresh(Meddling(reject), now=LATER).changed == 1
    found, _ = read_creative(ads.engine, "acme", creative_id)
    assert (found.review.state, found.review.reviewer, found.is_current) == ("refused", "ana", True)
    assert ads.refresh(Meddling(lambda: ads.edit(name="Summer")), now=LATER).changed == 0
    pause = lambda: set_campaign_state(ads.engine, "acme", "k1", PAUSED, now=NOON)  # noqa: E731
    assert ads.refresh(Meddling(pause), now=LATER).changed == 0
    set_campaign_state(ads.engine, "acme", "k1", ACTIVE, now=NOON)
    assert ads.refresh(Writer("Cosy light."), now=LATER).changed == 1
    assert not read_creative(ads.engine, "acme", creative_id)[0].is_current


def test_an_edit_while_a_text_is_judged_leaves_it_to_the_next_run(ads: Installation) -> None:
    def editing(text: str) -> Opinion:
        ads.edit(rules=CampaignRules(banned_claims=("warm",)))
        return Opinion()

    assert ads.refresh(Writer(), editing).changed == 0
    assert (ads.offered(), list_creatives(ads.engine, "acme")) == ([], [])
    ads.refresh(Writer(), lambda text: Opinion(), now=LATER)
    assert ads.only().review.reasons == ("campaign_claim",)


def test_a_crash_between_the_lake_and_the_store_is_made_good(ads: Installation, monkeypatch: Any) -> None:
    def die(*_: object, **__: object) -> None:
        raise StoreUnavailable("killed")

    with monkeypatch.context() as patch:
        patch.setattr("alphaads_pipelines.pipeline.ad_creatives.editing", die)
        with pytest.raises(StoreUnavailable):
            ads.refresh(Writer())
    assert ads.offered() == []
    done = ads.refresh(Writer(), now=LATER)
    assert (done.changed, ads.offered()) == (1, ["Warm light."])
    assert ads.lake.scan(AD_CREATIVES).collect().equals(done.rows)
    ads.lake.replace_all(AD_CREATIVES, done.rows.clear())  # or the lake was lost
    ads.refresh(Writer(), now=LATER)
    assert ads.lake.scan(AD_CREATIVES).collect().equals(done.rows)


def test_the_table_tells_of_every_state(ads: Installation) -> None:
    rows: list[pl.DataFrame] = []
    classifiers: Sequence[Classifier] = (lambda text: Opinion(), doubting, refusing)
    for classifier, body in zip(classifiers, ("One.", "Two.", "Three."), strict=True):
        rows.append(ads.refresh(Writer(body), classifier).rows)
    assert [each["moderation"].item() for each in rows] == ["approved", "needs_review", "refused"]
    assert [each["placement"].item() for each in rows] == ["google_search"] * 3

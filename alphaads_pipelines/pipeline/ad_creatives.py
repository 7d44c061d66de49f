"""Refresh creatives: generate, moderate and store the texts of active campaigns, and retire old ones.

An approved text stays approved while its campaign's rules pass it: its reviewers saw the same text. A text refused
without a person is moderated again, so a classifier's outage heals by itself. Texts that wait for a person, or were
rejected by one, are left alone.

Generation and moderation are slow and run outside transactions; campaigns or texts changed meanwhile are left to the
next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.brand_rules import CampaignRules
from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.store import active_campaigns
from alphaads_pipelines.creatives.base import Brief, Creative, Generator
from alphaads_pipelines.creatives.briefs import briefs_of
from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import creatives_in, current_creatives, save_creatives
from alphaads_pipelines.creatives.moderation import Classifier, moderate
from alphaads_pipelines.creatives.review import APPROVED, NEEDS_REVIEW, PENDING, Review, apply_verdict, draft, submit
from alphaads_pipelines.schema.tables import AD_CREATIVES
from alphaads_pipelines.stores.lake.base import Lake, polars_schema
from alphaads_pipelines.stores.sql.relational import reading

Reviews = tuple[Review, ...]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The refreshed creatives.

    Attributes
    ----------
    rows: texts in use. delta_version: None if unchanged.
    changed: texts that are new, changed state, or were retired.
    """

    rows: pl.DataFrame
    delta_version: int | None
    changed: int


@dataclass(frozen=True, slots=True)
class _Change:
    """A creative before (None: new) and after, with the reviews between."""

    before: StoredCreative | None
    after: StoredCreative
    path: Reviews = ()

    @property
    def is_changed(self) -> bool:
        return self.before is None or bool(self.path) or self.before.is_current != self.after.is_current


def refresh_creatives(
    lake: Lake, engine: Engine, generator: Generator, classifiers: Sequence[Classifier], now: datetime
) -> Refreshed:
    """Generate, moderate and store the texts of every active campaign; writes changes only.

    If the generator raises, nothing changes and approved texts stay served.

    Parameters
    ----------
    classifiers: used beside the rules (creatives/moderation.py).

    Raises
    ------
    ConfigurationError: the generator's provider refuses us. SchemaMismatch. StoreUnavailable.
    """
    with reading(engine) as connection:
        campaigns = active_campaigns(connection)
        current = current_creatives(connection)
    written = [text for each in campaigns.values() for text in _texts(each, generator, current)]
    with reading(engine) as connection:
        known = {**current, **creatives_in(connection, "creative_id", [each.creative_id for _, each in written])}
    changes = {
        text.creative_id: _review(of, text, known.get(text.creative_id), classifiers, now) for of, text in written
    }
    changes |= {key: _Change(old, replace(old, is_current=False)) for key, old in _unused(current, campaigns, changes)}
    frame = _frame({**current, **{key: each.after for key, each in changes.items()}}.values())
    delta_version = _write(lake, frame)
    changed = _store_changes(engine, campaigns, [each for each in changes.values() if each.is_changed], now)
    return Refreshed(frame, delta_version, changed)


def _texts(
    campaign: Campaign, generator: Generator, current: Mapping[str, StoredCreative]
) -> list[tuple[Campaign, Creative]]:
    mine = [each for each in current.values() if each.creative.campaign_id == campaign.campaign_id]
    return [(campaign, text) for brief in briefs_of(campaign) for text in _texts_for(brief, generator, mine)]


def _texts_for(brief: Brief, generator: Generator, mine: Sequence[StoredCreative]) -> list[Creative]:
    """Generate for a brief; if only a fallback answered, keep the generator's own earlier texts."""
    texts = generator.generate(brief)
    if any(text.generator == generator.name for text in texts):
        return texts
    own = [
        each.creative
        for each in mine
        if each.creative.emotion == brief.emotion
        and each.creative.generator == generator.name
        and each.review.is_servable
    ]
    return own or texts


def _review(
    campaign: Campaign, text: Creative, before: StoredCreative | None, classifiers: Sequence[Classifier], now: datetime
) -> _Change:
    if before is None:
        path = _resubmit(draft(text.creative_id, now), text, campaign.rules, classifiers, now)
        began = (draft(text.creative_id, now), *path)
        return _Change(None, StoredCreative(text, campaign.tenant, path[-1], True, now), began)
    path = _steps(before, campaign.rules, classifiers, now)
    return _Change(before, replace(before, review=path[-1] if path else before.review, is_current=True), path)


def _steps(before: StoredCreative, rules: CampaignRules, classifiers: Sequence[Classifier], now: datetime) -> Reviews:
    review, text = before.review, before.creative
    if review.state == PENDING:
        return (apply_verdict(review, moderate(text, rules, classifiers), now),)
    if review.state == APPROVED:
        is_fine = not moderate(text, rules).reasons
        return () if is_fine else _resubmit(review, text, rules, classifiers, now)
    if review.state == NEEDS_REVIEW or review.reviewer is not None:
        return ()
    path = _resubmit(review, text, rules, classifiers, now)
    is_same = (path[-1].state, path[-1].reasons) == (review.state, review.reasons)
    return () if is_same else path


def _resubmit(
    review: Review, text: Creative, rules: CampaignRules, classifiers: Sequence[Classifier], now: datetime
) -> Reviews:
    pending = submit(review, now)
    return pending, apply_verdict(pending, moderate(text, rules, classifiers), now)


def _unused(
    current: Mapping[str, StoredCreative], campaigns: Mapping[str, Campaign], used: Mapping[str, object]
) -> list[tuple[str, StoredCreative]]:
    """Texts not generated this time."""
    return [(key, each) for key, each in current.items() if each.creative.campaign_id in campaigns and key not in used]


def _store_changes(engine: Engine, campaigns: Mapping[str, Campaign], changes: Sequence[_Change], now: datetime) -> int:
    """Store changes, unless campaign or text changed meanwhile; returns how many."""
    if not changes:
        return 0
    with editing(engine, now) as connection:
        same = {key for key, each in active_campaigns(connection).items() if campaigns.get(key) == each}
        held = creatives_in(connection, "creative_id", [each.after.creative.creative_id for each in changes])
        kept = [
            (each.after, each.path)
            for each in changes
            if each.after.creative.campaign_id in same and held.get(each.after.creative.creative_id) == each.before
        ]
        save_creatives(connection, kept)
    return len(kept)


def _frame(creatives: Iterable[StoredCreative]) -> pl.DataFrame:
    rows = [_row(each) for each in creatives if each.is_current]
    return pl.DataFrame(rows, schema=polars_schema(AD_CREATIVES)).sort("creative_id")


def _row(stored: StoredCreative) -> dict[str, Any]:
    own = {"tenant": stored.tenant, "moderation": stored.review.state, "created_at": stored.created_at}
    text = stored.creative
    return {name: own[name] if name in own else getattr(text, name) for name in AD_CREATIVES.column_names}


def _write(lake: Lake, frame: pl.DataFrame) -> int | None:
    """Write if different from the lake, so that the next run repairs crashes."""
    if frame.equals(lake.scan(AD_CREATIVES).collect().sort("creative_id")):
        return None
    return lake.replace_all(AD_CREATIVES, frame)

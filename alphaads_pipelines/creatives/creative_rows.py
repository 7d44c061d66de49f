"""Maps rows of `creatives` and `creative_reviews`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.review import Review
from alphaads_pipelines.stores.sql.relational import sql_table

CREATIVES, REVIEWS = sql_table("creatives"), sql_table("creative_reviews")
_CREATIVE_FIELDS = tuple(Creative.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class StoredCreative:
    """A creative with its review.

    Attributes
    ----------
    is_current: false once retired; the row stays for the decisions that showed it.
    """

    creative: Creative
    tenant: str
    review: Review
    is_current: bool
    created_at: datetime


def stored_creative(row: Row[Any]) -> StoredCreative:
    """Read a row of `creatives`."""
    creative = Creative(**{name: getattr(row, name) for name in _CREATIVE_FIELDS})
    decided = (row.changed_at, tuple(row.reasons), row.reviewer, row.note)
    review = Review(row.creative_id, row.state, *decided)
    return StoredCreative(creative, row.tenant, review, row.is_current, row.created_at)


def creative_row(stored: StoredCreative) -> dict[str, Any]:
    """Write a row of `creatives`."""
    return {
        **{name: getattr(stored.creative, name) for name in _CREATIVE_FIELDS},
        "tenant": stored.tenant,
        **_review_columns(stored.review),
        "is_current": stored.is_current,
        "created_at": stored.created_at,
    }


def review_row(tenant: str, review: Review) -> dict[str, Any]:
    """Write a row of `creative_reviews`, which the database numbers."""
    return {"tenant": tenant, "creative_id": review.creative_id, **_review_columns(review)}


def past_review(row: Row[Any]) -> Review:
    """Read a row of `creative_reviews`."""
    return Review(row.creative_id, row.state, row.changed_at, tuple(row.reasons), row.reviewer, row.note)


def _review_columns(review: Review) -> dict[str, Any]:
    return {
        "state": review.state,
        "reasons": list(review.reasons),
        "reviewer": review.reviewer,
        "note": review.note,
        "changed_at": review.changed_at,
    }

"""The review states of a creative and their transitions, without storage.

    draft ──submit──► pending ──moderation──► approved ──withdraw (a person)──► refused
                         ▲          ├───────► refused ───resubmit────────┐
                         └──────────┼────────────────────────────────────┘
                                    └───────► needs_review ──a person──► approved or refused

Only approved creatives are served. Reviewers decide doubtful ones, but cannot approve a refused one; after an outage or
under new rules, it can be moderated again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from alphaads_pipelines.creatives.moderation import Verdict
from alphaads_pipelines.errors import InvalidRequest

DRAFT, PENDING, APPROVED, REFUSED, NEEDS_REVIEW = STATES = (
    "draft",
    "pending",
    "approved",
    "refused",
    "needs_review",
)


@dataclass(frozen=True, slots=True)
class Review:
    """The review state of a creative.

    Attributes
    ----------
    reasons: moderation's stable codes, doubts included, kept after a reviewer's decision.
    changed_at: start of this state.
    """

    creative_id: str
    state: str
    changed_at: datetime
    reasons: tuple[str, ...] = ()
    reviewer: str | None = None
    note: str | None = None

    @property
    def is_servable(self) -> bool:
        """Whether it may be served."""
        return self.state == APPROVED


def draft(creative_id: str, now: datetime) -> Review:
    """Start the review of a creative."""
    return Review(creative_id, DRAFT, now)


def submit(review: Review, now: datetime) -> Review:
    """Send a creative to moderation. Raises InvalidRequest if it is pending or awaits review already."""
    _must_be(review, "submitted", DRAFT, APPROVED, REFUSED)
    return Review(review.creative_id, PENDING, now)


def apply_verdict(review: Review, verdict: Verdict, now: datetime) -> Review:
    """Apply moderation's verdict to a pending creative. Raises InvalidRequest in another state."""
    _must_be(review, "judged", PENDING)
    state = REFUSED if verdict.reasons else NEEDS_REVIEW if verdict.doubts or not verdict.approved else APPROVED
    return replace(review, state=state, reasons=(*verdict.reasons, *verdict.doubts), changed_at=now)


def approve(review: Review, reviewer: str, note: str, now: datetime) -> Review:
    """Approve a creative that awaits review. Raises InvalidRequest in another state or without reviewer and note."""
    _must_be(review, "approved", NEEDS_REVIEW)
    return _decided(review, APPROVED, reviewer, note, now)


def reject(review: Review, reviewer: str, note: str, now: datetime) -> Review:
    """Refuse a creative that awaits review or was approved. Raises InvalidRequest like `approve`."""
    _must_be(review, "rejected", NEEDS_REVIEW, APPROVED)
    return _decided(review, REFUSED, reviewer, note, now)


def _decided(review: Review, state: str, reviewer: str, note: str, now: datetime) -> Review:
    if not reviewer.strip() or not note.strip():
        raise InvalidRequest("a decision needs a reviewer and a note that says why")
    return replace(review, state=state, reviewer=reviewer.strip(), note=note.strip(), changed_at=now)


def _must_be(review: Review, verb: str, *states: str) -> None:
    if review.state not in states:
        raise InvalidRequest(f"a creative that is {review.state} cannot be {verb}; it must be {' or '.join(states)}")

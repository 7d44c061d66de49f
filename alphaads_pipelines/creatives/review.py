"""The states of a creative, and who may move it from one to another: pure rules, stored elsewhere.

    draft ──submit──► pending ──moderation──► approved ──withdraw (a person)──► refused
                         ▲          ├───────► refused ───resubmit────────┐
                         └──────────┼────────────────────────────────────┘
                                    └───────► needs_review ──a person──► approved or refused

Only an approved creative may be served. A person decides where moderation is in doubt; what moderation refuses, nobody
approves: it can be moderated again, after an outage or under new rules. A record belongs to the creative's id, and
so to its text: another text begins as a draft.
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
    """Where a creative stands.

    Attributes
    ----------
    reasons: stable codes of moderation, doubts included; they stay when a person has decided.
    reviewer, note: who decided, if a person did, and why.
    changed_at: when it came into this state.
    """

    creative_id: str
    state: str
    changed_at: datetime
    reasons: tuple[str, ...] = ()
    reviewer: str | None = None
    note: str | None = None

    @property
    def is_servable(self) -> bool:
        """Whether the creative may be served."""
        return self.state == APPROVED


def draft(creative_id: str, now: datetime) -> Review:
    """A creative that nobody has looked at."""
    return Review(creative_id, DRAFT, now)


def submit(review: Review, now: datetime) -> Review:
    """Send it to moderation, the first time or again; until it is judged, it is not served.

    Raises
    ------
    InvalidRequest: it waits for moderation, or for a person, already.
    """
    _must_be(review, "submitted", DRAFT, APPROVED, REFUSED)
    return Review(review.creative_id, PENDING, now)


def apply_verdict(review: Review, verdict: Verdict, now: datetime) -> Review:
    """What moderation says of it.

    Raises
    ------
    InvalidRequest: it was not submitted.
    """
    _must_be(review, "judged", PENDING)
    state = REFUSED if verdict.reasons else NEEDS_REVIEW if verdict.doubts or not verdict.approved else APPROVED
    return replace(review, state=state, reasons=(*verdict.reasons, *verdict.doubts), changed_at=now)


def approve(review: Review, reviewer: str, note: str, now: datetime) -> Review:
    """A person approves what moderation was in doubt of.

    Raises
    ------
    InvalidRequest: it is not in the queue, or reviewer or note is blank.
    """
    _must_be(review, "approved", NEEDS_REVIEW)
    return _decided(review, APPROVED, reviewer, note, now)


def reject(review: Review, reviewer: str, note: str, now: datetime) -> Review:
    """A person refuses it: out of the queue, or after it was approved.

    Raises
    ------
    InvalidRequest: it is neither in the queue nor approved, or reviewer or note is blank.
    """
    _must_be(review, "rejected", NEEDS_REVIEW, APPROVED)
    return _decided(review, REFUSED, reviewer, note, now)


def _decided(review: Review, state: str, reviewer: str, note: str, now: datetime) -> Review:
    if not reviewer.strip() or not note.strip():
        raise InvalidRequest("a decision needs a reviewer and a note that says why")
    return replace(review, state=state, reviewer=reviewer.strip(), note=note.strip(), changed_at=now)


def _must_be(review: Review, verb: str, *states: str) -> None:
    if review.state not in states:
        raise InvalidRequest(f"a creative that is {review.state} cannot be {verb}; it must be {' or '.join(states)}")

"""The explanation of a decision: data only. why.py builds it, wording.py words it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_POSTS = 50
"""Posts listed; all are counted."""


@dataclass(frozen=True, slots=True)
class EligibleReason:
    """A candidate creative. `probability`: under the policy as it was; None if unknown."""

    creative_id: str
    headline: str | None
    probability: float | None
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """The policy that drew.

    `version` 0: never trained. `is_same_arm`, `is_same_propensity`: whether recomputing gives the logged decision; None
    if impossible, for the reason in `problem`.
    """

    name: str
    version: int
    role: str
    taught_at: datetime | None
    propensity: float
    seed: int
    is_same_arm: bool | None
    is_same_propensity: bool | None
    problem: str


@dataclass(frozen=True, slots=True)
class ExperimentReason:
    """An experiment that the decision was part of. `name`: None once deleted."""

    experiment_id: str
    name: str | None
    arm: str


@dataclass(frozen=True, slots=True)
class CreativeReason:
    """The ad's text, its origin and its review.

    `generator`: name and version, with the prompt's for a language model. `state`: now; `state_then`: at the decision,
    None if unknown. `reviewer`: if a person decided.
    """

    creative_id: str
    emotion: str
    tone: str
    headline: str
    body: str
    call_to_action: str
    generator: str
    state: str
    state_then: str | None
    reasons: list[str]
    reviewer: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class CampaignReason:
    """The campaign as of now; empty lists mean no restriction."""

    campaign_id: str
    name: str
    product: str
    state: str
    emotions: list[str]
    segments: list[str]
    unsafe_moods: list[str]


@dataclass(frozen=True, slots=True)
class PostReason:
    """A post that contributed to the mood; its text is in the person's export only.

    `weight` in posts, `share` of all posts' weight. `topic`, `partition`, `offset`: its place in the stream.
    """

    post_key: str
    subject_id: str
    platform: str
    created_at: datetime
    emotion: str
    weight: float
    share: float
    topic: str
    partition: int
    offset: int
    batch_id: str


@dataclass(frozen=True, slots=True)
class PersonReason:
    """Personal data used.

    `subjects`: linked before the decision and still. `shares`: emotion -> share of the weight, the greatest first.
    `posts`: the heaviest. `mood_again`: recomputed; different if posts or labels changed since. `posts_rerun`: posts in
    batches run again since, whose first publication is known only roughly.
    """

    subject_id: str
    subjects: list[str]
    mood: str | None
    publish_seq: int
    mood_again: str | None
    posts_weighed: int
    posts_rerun: int
    shares: dict[str, float]
    posts: list[PostReason]


@dataclass(frozen=True, slots=True)
class Why:
    """The explanation.

    `because`: `personalisation` in words. `person`: None without personal data. `context`: features given to the
    policy. `creative`, `campaign`: None once deleted. `snapshot`: version of the data used.
    """

    decision_id: str
    summary: list[str]
    decided_at: datetime
    placement: str
    correlation_id: str
    creative_id: str
    snapshot: str
    impression_at: datetime | None
    click_at: datetime | None
    conversion_at: datetime | None
    personalisation: str
    because: str
    policy: PolicyReason
    eligible: list[EligibleReason]
    context: Mapping[str, Any]
    experiments: list[ExperimentReason]
    creative: CreativeReason | None
    campaign: CampaignReason | None
    person: PersonReason | None

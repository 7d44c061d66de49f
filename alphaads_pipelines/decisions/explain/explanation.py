"""What is told of why somebody was shown an ad: the shape of the answer. why.py builds it, wording.py words it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_POSTS = 50
"""Posts that are listed; all of them are counted."""


@dataclass(frozen=True, slots=True)
class EligibleReason:
    """A creative that could have been drawn. `probability`: by the policy as it was; None where that is not known."""

    creative_id: str
    headline: str | None
    probability: float | None
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """The policy that drew.

    `version` 0 knew nothing yet. `is_same_arm`, `is_same_propensity`: whether the decision, computed again from the
    policy's state, context, eligible creatives and seed, is the one that was logged; None where it cannot be computed,
    and then `problem` says why.
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
    """An experiment that the decision was part of. `name`: None if it is not kept."""

    experiment_id: str
    name: str | None
    arm: str


@dataclass(frozen=True, slots=True)
class CreativeReason:
    """The ad's text, who wrote it for whom, and what was said of it before it could be served.

    `generator` names the generator with its version, of a language model that of its prompt, too. `state` is that of
    now; `state_then` that at the decision, None where its history does not reach back. `reviewer`: the caller who
    decided, where a person did.
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
    """What was advertised, and to whom, as the campaign says now; empty lists mean everybody."""

    campaign_id: str
    name: str
    product: str
    state: str
    emotions: list[str]
    segments: list[str]
    unsafe_moods: list[str]


@dataclass(frozen=True, slots=True)
class PostReason:
    """A post that weighed in the mood; its text is not shown here: it is in the person's export.

    `weight` in posts, `share` of the weight of all posts that weighed in. `topic`, `partition`, `offset` are its place
    in the stream.
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
    """What was used of the person.

    `subjects` are looked at together, the asked one first: accounts linked before the decision and still. `shares`:
    emotion -> its part of all weight, the greatest first. `posts`: the heaviest, of `posts_weighed`. `mood_again`: the
    mood that these posts make; another one than `mood` means that posts or labels changed since. `posts_rerun`: how
    many are in batches that were run again since, of which the first time is known only roughly.
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
    """Why an ad was chosen.

    `creative_id`: the drawn one. `summary`: all of it in sentences. `personalisation`: by what the ad was chosen for a
    person, or why not; `because` in words. `person`: None where nothing of a person was used. `context`: the facts that
    the policy was told. `creative`, `campaign`: None where they are not kept. `snapshot`: the version of the data that
    was decided from.
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

"""Decisions in the relational store as the learner keeps them, about people whose posts went the whole way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from alphaads_pipelines.bandits.policy_roles import Pin
from alphaads_pipelines.bandits.policy_store import append_version, load_version
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.profiles.profile_summary import mood_of
from alphaads_pipelines.profiles.state import combine, decode, empty
from alphaads_pipelines.profiles.time_buckets import hour_of
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, transaction
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts
from tests.pipeline.scorers import HashScorer
from tests.publishing import publish_batches

TENANT = "acme"
ARMS = ("c-one", "c-two", "c-three")
CAMPAIGN = {
    "campaign_id": "kettles", "tenant": TENANT, "name": "Kettles in autumn", "state": "active",
    "product": "Brasswick kettle", "benefit": "boils in a minute", "call_to_action": "See it",
    "placement": "google_search", "rules": {}, "emotions": ["joy", "anger"], "segments": [],
    "unsafe_moods": ["sadness"], "cost_microusd": 0, "budget_microusd": None, "daily_budget_microusd": None,
    "daily_cap": None, "segment_floors": {}, "starts_at": None, "ends_at": None, "version": 1,
}  # fmt: skip


def taken_in(
    wiring: Wiring, now: datetime, posts: int = 120, authors: int = 6, *, seed: int = 1
) -> list[dict[str, Any]]:
    """Posts of the last two days, accepted, scored and published; their payloads."""
    wiring.__dict__["scorer"] = HashScorer("1")
    payloads = list(synthetic_posts(posts, seed=seed, authors=authors, start=now - timedelta(days=2), span_days=1.99))
    wiring.intake.take("generic", payloads, "0" * 32)
    publish_batches(wiring)
    return payloads


def subject_of(wiring: Wiring, author: str) -> str:
    """Who wrote as this author."""
    found = wiring.subject_keys.find(wiring.pseudonyms.identity("generic", author))
    assert found is not None
    return found


def mood_at(wiring: Wiring, subjects: Sequence[str], at: datetime) -> str | None:
    """The mood that their published profiles show."""
    with reading(wiring.engine) as connection:
        rows = select_in(connection, "live_profiles", "subject_id", subjects, ["state"])
    state = empty()
    for row in rows:
        state = combine(state, decode(row.state))
    return mood_of(state, hour_of(at))


def advertise(wiring: Wiring, now: datetime, arms: Sequence[str] = ARMS) -> int:
    """A campaign with approved creatives, and a policy that was taught of them; its version."""
    texts = {"emotion": "joy", "tone": "warm", "body": "Tea in a minute.", "call_to_action": "See it"}
    creatives = [
        {
            **texts, "creative_id": each, "tenant": TENANT, "campaign_id": "kettles", "headline": f"Kettle {each}",
            "placement": "google_search", "generator": "templates-3", "state": "approved", "reasons": [],
            "reviewer": None, "note": None, "is_current": True, "created_at": now, "changed_at": now,
        }
        for each in arms
    ]  # fmt: skip
    policy = ThompsonPolicy()
    policy.update({each: (40, 4 * number) for number, each in enumerate(arms)})
    with transaction(wiring.engine) as connection:
        insert_ignore(connection, "campaigns", [{**CAMPAIGN, "created_at": now, "updated_at": now}])
        insert_ignore(connection, "creatives", creatives)
        return append_version(connection, policy, now)


@dataclass(frozen=True)
class Made:
    """A recorded decision."""

    decision_id: str
    row: Mapping[str, Any]


def record(wiring: Wiring, number: int, at: datetime, subject: str | None = None, **changed: Any) -> Made:
    """A decision as the table keeps it, drawn from the policy's newest version; `changed` columns say otherwise."""
    mood = None if subject is None else mood_at(wiring, [subject], at)
    context = {"hour": at.hour, "weekday": at.weekday(), "placement": "feed", **({"mood": mood} if mood else {})}
    with transaction(wiring.engine) as connection:
        taught = load_version(connection, Pin("thompson"))
        choice = taught.policy.choose(ARMS, context, number)
        row = {
            "decision_id": f"{number:032x}", "subject_id": subject, "tenant": TENANT, "correlation_id": "c" * 32,
            "placement": "feed", "campaign_id": "kettles", "arm_id": choice.arm_id, "context": context,
            "eligible": list(ARMS), "policy": "thompson", "policy_version": taught.version, "policy_role": "serving",
            "propensity": choice.propensity, "seed": number, "mood": mood,
            "personalisation": "mood" if mood else "no_subject", "experiments": {}, "snapshot": "p1.c1.b1",
            "publish_seq": 1 if subject else 0, "decided_at": at, "impression_at": None, "click_at": None,
            "conversion_at": None, **changed,
        }  # fmt: skip
        assert insert_ignore(connection, "ad_decisions", [row]) == 1
    return Made(row["decision_id"], row)


def now() -> datetime:
    """The present, for posts that are still within the horizon when the API is asked."""
    return datetime.now(UTC)

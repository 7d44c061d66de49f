"""A decision: from a request for an ad to the chosen creative with its propensity and a reason people can read."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.profiles.hours import hour_of
from alphaads_pipelines.profiles.view import HALF_LIFE_HOURS, mood_of
from alphaads_pipelines.stores.permissions import Permission

REASONS: Mapping[str, str] = {
    "mood": f"The leading emotion of this profile (half-life {HALF_LIFE_HOURS:.0f} h) is {{mood}}",
    "correction": "The person says that their mood is {mood}",
    "correction_to_nothing": "The person says that their mood was inferred wrongly, so nothing is personalised",
    "no_emotion": "This profile shows no emotion now, so nothing is personalised",
    "no_profile": "There is no profile, so nothing is personalised",
    "no_subject": "No subject was named, so nothing is personalised",
    "unknown_subject": "Nobody is known by this subject id, so nothing is personalised",
    "no_consent": "There is no consent to personalised ads, so nothing is personalised",
    "restricted": "The data of this person is restricted, so nothing is personalised",
    "source_terms": "The terms of this person's network forbid personalised ads, so nothing is personalised",
    "unchecked": "Consent could not be checked now, so nothing is personalised",
}
"""By what a decision is personalised, or why it is not."""

_NEUTRAL = "neutral"


class Decision(msgspec.Struct, frozen=True):
    """What was decided, for whom, and how it can be computed again.

    Attributes
    ----------
    arm_id: the creative's id. propensity: probability with which the policy drew it. seed: of the draw.
    subject_id: None as well where nothing may be used of the person: then the record names nobody.
    eligible: arms it was drawn from. mood: emotion the creatives were chosen for, None where nothing is personalised.
    personalisation: a key of REASONS: by what it is personalised, or why it is not.
    version: of the snapshot. data_age_s: seconds since the published data was complete.
    """

    decision_id: str
    correlation_id: str
    tenant: str
    subject_id: str | None
    placement: str
    arm_id: str
    creative: dict[str, Any]
    policy: str
    policy_version: int
    propensity: float
    seed: int
    eligible: list[str]
    mood: str | None
    personalised: bool
    personalisation: str
    reason: str
    version: str
    data_age_s: float
    decided_at: str


class DecisionRequest(msgspec.Struct, frozen=True):
    """Who asks for an ad where; `subject_id` None asks for one that is not personalised."""

    subject_id: str | None
    placement: str
    tenant: str
    correlation_id: str


def decide(
    snapshot: Snapshot, request: DecisionRequest, permission: Permission, now: datetime, most_age_s: float
) -> Decision:
    """Choose a creative, with what the person allows and nothing else of them.

    Parameters
    ----------
    permission: for `request.subject_id`, asked just before (decisions/permissions.py).

    Raises
    ------
    StaleData: the snapshot is too old, or empty. NotFound: nothing may be shown here.
    """
    age = snapshot.check_age(now, most_age_s)
    mood, personalisation = _mood(snapshot, permission, now)
    creatives = _eligible(snapshot.creatives, mood or _NEUTRAL)
    policy = snapshot.policy or ThompsonPolicy()
    seed = secrets.randbits(53)
    context = {"mood": mood, "placement": request.placement, "personalisation": personalisation}
    choice = policy.choose(list(creatives), context, seed)
    return Decision(
        decision_id=uuid.uuid4().hex,
        correlation_id=request.correlation_id,
        tenant=request.tenant,
        subject_id=request.subject_id if permission.subjects else None,
        placement=request.placement,
        arm_id=choice.arm_id,
        creative=dict(creatives[choice.arm_id]),
        policy=policy.name,
        policy_version=snapshot.policy_version,
        propensity=choice.propensity,
        seed=choice.seed,
        eligible=list(creatives),
        mood=mood,
        personalised=mood is not None,
        personalisation=personalisation,
        reason=_reason(mood, personalisation, len(creatives), choice.propensity, policy.name),
        version=snapshot.version,
        data_age_s=round(age, 3),
        decided_at=now.isoformat(),
    )


def _mood(snapshot: Snapshot, permission: Permission, now: datetime) -> tuple[str | None, str]:
    """(mood now or None, key of REASONS)."""
    if permission.refusal is not None:
        return None, permission.refusal
    if "mood" in permission.rectified:
        stated = permission.rectified["mood"]
        return stated, "correction" if stated is not None else "correction_to_nothing"
    state = snapshot.state_together(permission.subjects)
    if state is None:
        return None, "no_profile"
    mood = mood_of(state, hour_of(now))
    return mood, "mood" if mood is not None else "no_emotion"


def _eligible(creatives: Sequence[Mapping[str, Any]], emotion: str) -> dict[str, Mapping[str, Any]]:
    """Approved creatives for the emotion, by id in order; moderation is looked at again here."""
    found = {
        str(each["creative_id"]): each
        for each in creatives
        if each["emotion"] == emotion and each["moderation"] == "approved"
    }
    if not found:
        raise NotFound("no approved creative fits this request; run the ad_creatives asset")
    return dict(sorted(found.items()))


def _reason(mood: str | None, personalisation: str, eligible: int, propensity: float, policy: str) -> str:
    why = REASONS[personalisation].format(mood=mood)
    return f"{why}; {eligible} approved creatives fit, and {policy} drew this one with probability {propensity:.2f}."

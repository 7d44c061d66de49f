"""Explain an ad: from a decision to its policy, text, campaign, and the posts behind the mood.

The audit log must name the subjects first: call `decision_subjects`, then `explain`. A decision can be explained once
the learner has read it from the stream, some seconds later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.decisions.explain.explanation import (
    CampaignReason,
    CreativeReason,
    EligibleReason,
    ExperimentReason,
    PolicyReason,
    Why,
)
from alphaads_pipelines.decisions.explain.recompute import Recomputed, recompute
from alphaads_pipelines.decisions.explain.why_person import person_reason
from alphaads_pipelines.decisions.explain.wording import sentences
from alphaads_pipelines.decisions.person import REASONS
from alphaads_pipelines.errors import NotFound, Restricted
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.stores.lake.base import Lake
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from alphaads_pipelines.stores.subjects.permissions import profile_permission_of
from alphaads_pipelines.stores.subjects.subjects import resolve_subject

_DECISIONS, _REVIEWS = sql_table("ad_decisions"), sql_table("creative_reviews")
_UNKNOWN = (
    "no decision of yours has this id; one that was just made can be explained after some seconds, and those about "
    "people who were erased are gone"
)


def decision_subjects(engine: Engine, pseudonyms: Pseudonyms, tenant: str, decision_id: str) -> tuple[str, ...]:
    """The linked subjects of a tenant's decision, the requested one first; empty without personal data.

    Raises
    ------
    NotFound: no such decision, or not yet. Erased. Restricted: the person's data must not be used. StoreUnavailable.
    """
    with reading(engine) as connection:
        subject_id = _decision(connection, tenant, decision_id).subject_id
    if subject_id is None:
        return ()
    permission = profile_permission_of(engine, subject_id)
    if permission.refusal == "restricted":
        raise Restricted("the data of this person is restricted: it is kept and not used")
    if permission.refusal is not None:
        resolve_subject(engine, pseudonyms, subject_id)  # raises Erased or NotFound
    return permission.subjects


def explain(
    engine: Engine, lake: Lake, tenant: str, decision_id: str, subjects: Sequence[str], posts_topic: str
) -> Why:
    """Explain a decision.

    Parameters
    ----------
    subjects: from `decision_subjects`.

    Raises
    ------
    NotFound: see `decision_subjects`. StoreUnavailable.
    """
    with reading(engine) as connection:
        row = _decision(connection, tenant, decision_id)
        why = _explanation(connection, row, recompute(connection, dict(row._mapping)))
    if row.subject_id is not None:
        why = replace(why, person=person_reason(engine, lake, row, subjects, posts_topic))
    return replace(why, summary=sentences(why))


def _decision(connection: Connection, tenant: str, decision_id: str) -> Row[Any]:
    query = sa.select(_DECISIONS).where(_DECISIONS.c.decision_id == decision_id, _DECISIONS.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(_UNKNOWN)
    return row


def _taught_at(connection: Connection, row: Row[Any]) -> datetime | None:
    versions = select_in(connection, "policy_versions", "version", [row.policy_version], ["policy", "taught_at"])
    return next((each.taught_at for each in versions if each.policy == row.policy), None)


def _explanation(connection: Connection, row: Row[Any], again: Recomputed) -> Why:
    creatives = {each.creative_id: each for each in select_in(connection, "creatives", "creative_id", row.eligible)}
    drawn = creatives.get(row.arm_id)
    because = REASONS.get(row.personalisation, row.personalisation).format(mood=row.mood)
    return Why(
        decision_id=row.decision_id,
        summary=[],
        decided_at=row.decided_at,
        placement=row.placement,
        correlation_id=row.correlation_id,
        creative_id=row.arm_id,
        snapshot=row.snapshot,
        impression_at=row.impression_at,
        click_at=row.click_at,
        conversion_at=row.conversion_at,
        personalisation=row.personalisation,
        because=because,
        policy=_policy_reason(row, _taught_at(connection, row), again),
        eligible=_eligible(row, creatives, again),
        context=row.context,
        experiments=_experiments(connection, row.experiments),
        creative=None if drawn is None else _creative(connection, drawn, row.decided_at),
        campaign=_campaign(connection, row.campaign_id),
        person=None,
    )


def _policy_reason(row: Row[Any], taught_at: datetime | None, again: Recomputed) -> PolicyReason:
    return PolicyReason(
        name=row.policy,
        version=row.policy_version,
        role=row.policy_role,
        taught_at=taught_at,
        propensity=row.propensity,
        seed=row.seed,
        is_same_arm=None if again.problem else again.is_same_arm,
        is_same_propensity=None if again.problem else again.is_same_propensity,
        problem=again.problem,
    )


def _eligible(row: Row[Any], creatives: Mapping[str, Row[Any]], again: Recomputed) -> list[EligibleReason]:
    """Most probable first."""
    found = [
        EligibleReason(
            creative_id=arm,
            headline=creatives[arm].headline if arm in creatives else None,
            probability=again.probabilities.get(arm),
            is_chosen=arm == row.arm_id,
        )
        for arm in row.eligible
    ]
    return sorted(found, key=lambda each: -(each.probability or 0.0))


def _experiments(connection: Connection, arms: Mapping[str, str]) -> list[ExperimentReason]:
    rows = select_in(connection, "experiments", "experiment_id", arms, ["experiment_id", "name"])
    names = {row.experiment_id: row.name for row in rows}
    return [ExperimentReason(each, names.get(each), arm) for each, arm in sorted(arms.items())]


def _creative(connection: Connection, row: Row[Any], then: datetime) -> CreativeReason:
    before = sa.select(_REVIEWS.c.state).where(_REVIEWS.c.creative_id == row.creative_id, _REVIEWS.c.changed_at <= then)
    state_then = connection.execute(before.order_by(_REVIEWS.c.change_seq.desc()).limit(1)).scalar()
    return CreativeReason(
        creative_id=row.creative_id,
        emotion=row.emotion,
        tone=row.tone,
        headline=row.headline,
        body=row.body,
        call_to_action=row.call_to_action,
        generator=row.generator,
        state=row.state,
        state_then=state_then,
        reasons=list(row.reasons),
        reviewer=row.reviewer,
        note=row.note,
    )


def _campaign(connection: Connection, campaign_id: str) -> CampaignReason | None:
    # Not filtered by tenant: it may be a sample campaign.
    for row in select_in(connection, "campaigns", "campaign_id", [campaign_id]):
        return CampaignReason(
            campaign_id=row.campaign_id,
            name=row.name,
            product=row.product,
            state=row.state,
            emotions=list(row.emotions),
            segments=list(row.segments),
            unsafe_moods=list(row.unsafe_moods),
        )
    return None

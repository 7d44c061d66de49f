"""A decision: choose a creative with its propensity and a readable reason.

    permission ─► eligible creatives ─► policy ─► draw ─► reserve budget and frequency
                          ▲                                            │
                          └──────── exclude an exhausted campaign ◄────┘

The snapshot is one poll old, so the drawn campaign may be exhausted. Then the draw is repeated without it, and the
record lists only the rest as eligible, so that the logged propensity is right.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from alphaads_pipelines.bandits.base import Choice
from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.creatives.tone import served_emotion
from alphaads_pipelines.decisions.budget.pacing import is_limited
from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.decisions.eligibility import Creative, Viewer
from alphaads_pipelines.decisions.person import REASONS, Person, person_of
from alphaads_pipelines.decisions.routing import Route, Router
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.errors import NotFound, StoreUnavailable
from alphaads_pipelines.stores.subjects.permissions import Permission
from alphaads_pipelines.telemetry import get_logger

_SEED_BITS = 53
_log = get_logger(__name__)


class Decision(msgspec.Struct, frozen=True):
    """A decision, with everything needed to recompute it (explain/recompute.py).

    Attributes
    ----------
    subject_id: None also where no personal data may be used.
    context: features given to the policy. eligible: candidate arms, in order.
    policy_version: 0: never trained. policy_role: serving or canary. seed: of the draw.
    experiments: experiment -> arm. shadow: policy -> its counterfactual draw.
    mood: target emotion; None without personalisation. personalisation: a key of REASONS.
    version: of the snapshot. publish_seq: of the profile, or 0.
    cost_microusd: of an impression.
    data_age_s: since the published data was complete.
    """

    decision_id: str
    correlation_id: str
    tenant: str
    subject_id: str | None
    placement: str
    campaign_id: str
    arm_id: str
    creative: dict[str, Any]
    context: dict[str, Any]
    eligible: list[str]
    policy: str
    policy_version: int
    policy_role: str
    propensity: float
    seed: int
    experiments: dict[str, str]
    shadow: dict[str, dict[str, Any]]
    mood: str | None
    personalised: bool
    personalisation: str
    reason: str
    version: str
    publish_seq: int
    cost_microusd: int
    data_age_s: float
    decided_at: str


class DecisionRequest(msgspec.Struct, frozen=True):
    """A request for an ad; without `subject_id` it is not personalised."""

    subject_id: str | None
    placement: str
    tenant: str
    correlation_id: str


class _Drawn(msgspec.Struct, frozen=True):
    """A drawn creative, its route and the shadow draws."""

    choice: Choice
    campaign: Campaign
    creative: Creative
    eligible: list[str]
    context: dict[str, Any]
    route: Route
    shadow: dict[str, dict[str, Any]]


class Decider:
    """Makes the decisions of one process. Thread-safe.

    Parameters
    ----------
    salt: `Pseudonyms.assignment_salt`. holdout: share of people in no experiment.
    """

    def __init__(self, reservations: Reservations, salt: bytes, holdout: float = 0.0) -> None:
        self._reservations, self._salt, self._holdout = reservations, salt, holdout
        self._routed: tuple[object, object, Router] | None = None

    def decide(
        self, snapshot: Snapshot, request: DecisionRequest, permission: Permission, now: datetime, most_age_s: float
    ) -> Decision:
        """Choose a creative, using only data that `permission` allows.

        Raises
        ------
        StaleData: the snapshot is empty or too old. NotFound: nothing is eligible.
        WouldBlock: nothing was decided; see `fastpath.nonblocking`.
        """
        age, decision_id = snapshot.check_age(now, most_age_s), _new_id(now)
        person = person_of(snapshot, permission, now)
        drawn = self._select_and_reserve(snapshot, request, person, decision_id, now)
        taught = drawn.route.taught
        return Decision(
            decision_id=decision_id,
            correlation_id=request.correlation_id,
            tenant=request.tenant,
            subject_id=person.subject_id,
            placement=request.placement,
            campaign_id=drawn.campaign.campaign_id,
            arm_id=drawn.choice.arm_id,
            creative=dict(drawn.creative),
            context=drawn.context,
            eligible=drawn.eligible,
            policy=taught.policy.name,
            policy_version=taught.version,
            policy_role=drawn.route.role,
            propensity=drawn.choice.propensity,
            seed=drawn.choice.seed,
            experiments=dict(drawn.route.experiments),
            shadow=drawn.shadow,
            mood=person.mood,
            personalised=person.mood is not None,
            personalisation=person.personalisation,
            reason=_reason(person, drawn),
            version=snapshot.version,
            publish_seq=person.publish_seq,
            cost_microusd=drawn.campaign.cost_microusd,
            data_age_s=round(age, 3),
            decided_at=now.isoformat(),
        )

    def _select_and_reserve(
        self, snapshot: Snapshot, request: DecisionRequest, person: Person, decision_id: str, now: datetime
    ) -> _Drawn:
        """Draw until a reservation succeeds. Raises NotFound, WouldBlock."""
        found = snapshot.eligibility_index.eligible(self._viewer(snapshot, request, person, now), snapshot.budget_view)
        offered, left_out = dict(found.creatives), dict(found.left_out)
        while offered:
            drawn = self._draw(snapshot, request, person, decision_id, offered, now)
            why = self._reserve(decision_id, drawn.campaign, person, now)
            if why is None:
                return drawn
            without = _exclude(offered, snapshot, drawn.campaign, why, is_known=bool(person.subjects))
            left_out |= {str(each["campaign_id"]): why for key, each in offered.items() if key not in without}
            offered = without
        raise NotFound(_nothing_fits(left_out))

    def _viewer(self, snapshot: Snapshot, request: DecisionRequest, person: Person, now: datetime) -> Viewer:
        tenant = snapshot.catalogue.offered_to(request.tenant) or request.tenant
        return Viewer(
            tenant=tenant,
            now=now,
            mood=person.mood,
            journey=person.journey,
            segment=person.segment,
            is_known=bool(person.subjects),
            shown=self._shown(person, now) if tenant in snapshot.eligibility_index.capped else {},
        )

    def _shown(self, person: Person, now: datetime) -> Mapping[str, int] | None:
        """Campaign -> impressions today; None: store unavailable."""
        if not person.subjects:
            return {}
        try:
            return self._reservations.shown(person.subjects, now.astimezone(UTC).date())
        except StoreUnavailable as error:
            _log.warning("frequency not asked", error=error.code)
            return None

    def _draw(
        self,
        snapshot: Snapshot,
        request: DecisionRequest,
        person: Person,
        decision_id: str,
        offered: Mapping[str, Creative],
        now: datetime,
    ) -> _Drawn:
        eligible, seed = list(offered), secrets.randbits(_SEED_BITS)
        campaigns = {str(each["campaign_id"]) for each in offered.values()}
        route = self._router(snapshot).route(request.tenant, person.subject_id, decision_id, campaigns)
        context = person.facts(now, request.placement)
        choice = route.taught.policy.choose(eligible, context, seed)
        shadow = {}
        for name, taught in snapshot.policies.shadow.items():
            other = taught.policy.choose(eligible, context, seed)
            shadow[name] = {"version": taught.version, "arm_id": other.arm_id, "propensity": other.propensity}
        creative = offered[choice.arm_id]
        campaign = snapshot.catalogue.campaigns[str(creative["campaign_id"])]
        return _Drawn(choice, campaign, creative, eligible, context, route, shadow)

    def _reserve(self, decision_id: str, campaign: Campaign, person: Person, now: datetime) -> str | None:
        """Reserve budget and frequency; the reason if refused. Raises WouldBlock."""
        try:
            refused = self._reservations.reserve(
                decision_id, campaign, person.subject_id, person.subjects, person.segment, now
            )
        except StoreUnavailable as error:
            _log.warning("nothing reserved", error=error.code)
            return "unchecked"
        return refused.reason if refused is not None else None

    def _router(self, snapshot: Snapshot) -> Router:
        """The router, rebuilt when the catalogue or the policies change."""
        held = self._routed
        if held is None or held[0] is not snapshot.catalogue or held[1] is not snapshot.policies:
            router = Router(snapshot.catalogue, snapshot.policies, self._salt, self._holdout)
            held = self._routed = (snapshot.catalogue, snapshot.policies, router)
        return held[2]


def _new_id(now: datetime) -> str:
    """A UUIDv7 (RFC 9562, section 5.7) in hexadecimal: milliseconds, then 74 random bits.

    Increasing ids append to an index; random ones would dirty pages all over it.
    """
    milliseconds, dice = int(now.timestamp() * 1_000), secrets.randbits(74)
    return f"{milliseconds:012x}7{dice >> 62:03x}{0x8 << 60 | dice & (1 << 62) - 1:016x}"


def _exclude(
    offered: Mapping[str, Creative], snapshot: Snapshot, campaign: Campaign, why: str, *, is_known: bool
) -> dict[str, Creative]:
    """Creatives that remain eligible; without the store, only unlimited campaigns'."""

    def stays(each: Creative) -> bool:
        its = snapshot.catalogue.campaigns[str(each["campaign_id"])]
        if why == "unchecked":
            return not is_limited(its, is_known=is_known)
        return its.campaign_id != campaign.campaign_id

    return {key: each for key, each in offered.items() if stays(each)}


def _nothing_fits(left_out: Mapping[str, str]) -> str:
    if not left_out:
        return "no approved creative fits this request; run the ad_creatives asset"
    reasons = ", ".join(f"{why} ({number})" for why, number in sorted(Counter(left_out.values()).items()))
    return f"no ad may be shown here now; campaigns that were left out: {reasons}"


def _reason(person: Person, drawn: _Drawn) -> str:
    why = REASONS[person.personalisation].format(mood=person.mood)
    if person.mood is not None and served_emotion(person.mood, person.journey) != person.mood:
        why += ", which falls or swings, so they are spoken to calmly"
    policy, propensity = drawn.route.taught.policy.name, drawn.choice.propensity
    fit = f"{len(drawn.eligible)} approved creatives fit"
    return f"{why}; {fit}, and {policy} drew this one with probability {propensity:.2f}."

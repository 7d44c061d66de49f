"""Personal data that a decision may use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alphaads_pipelines.bandits.context import facts_of
from alphaads_pipelines.creatives.tone import STEADY, STEADY_TREND, JourneySummary
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.profiles.journey import volatility_of
from alphaads_pipelines.profiles.mood import HALF_LIFE_HOURS
from alphaads_pipelines.profiles.profile_summary import ProfileSummary, summarise
from alphaads_pipelines.profiles.segments import segment_of
from alphaads_pipelines.stores.subjects.permissions import Permission

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
"""The kinds of personalisation, and the reasons for none."""


@dataclass(frozen=True, slots=True)
class Person:
    """Permitted data of the person.

    Attributes
    ----------
    subjects: linked subjects, the requested one first.
    personalisation: a key of REASONS.
    mood: target emotion; None without personalisation. journey: its trend.
    segment, glance: behavioural segment and profile summary.
    publish_seq: of the profile, or 0.
    """

    personalisation: str
    subjects: tuple[str, ...] = ()
    mood: str | None = None
    journey: JourneySummary = STEADY
    segment: str | None = None
    glance: ProfileSummary | None = None
    publish_seq: int = 0

    @property
    def subject_id(self) -> str | None:
        """The requested subject, if any of their data may be used."""
        return self.subjects[0] if self.subjects else None

    def facts(self, now: datetime, placement: str) -> dict[str, Any]:
        """The context of a decision about them (bandits/context.py)."""
        return facts_of(now, placement, mood=self.mood, profile=self.glance, segment=self.segment)


def person_of(snapshot: Snapshot, permission: Permission, now: datetime) -> Person:
    """Collect the permitted data. Raises SchemaMismatch for an unreadable profile.

    After a correction that the mood was wrong, no other inference replaces it.
    """
    if permission.refusal is not None:
        return Person(permission.refusal)
    subjects = permission.subjects
    if "mood" in permission.rectified:
        stated = permission.rectified["mood"]
        return Person("correction" if stated is not None else "correction_to_nothing", subjects, stated)
    state = snapshot.combined_state(subjects)
    if state is None:
        return Person("no_profile", subjects)
    glance = summarise(state, now)
    if glance.mood is None:
        return Person("no_emotion", subjects)
    journey = JourneySummary(glance.mood_trend or STEADY_TREND, volatility_of(state))
    segment, seen = segment_of(state, snapshot.segmentation), snapshot.publish_seq_of(subjects)
    return Person("mood", subjects, glance.mood, journey, segment, glance, seen)

"""Teach the policies from decisions and events, joined and learned exactly once.

A run stores each decision with the first event of each kind and teaches the increment: an impression is a pull, a click
a reward (bandits/reward_join.py). Rows, policy versions and offsets move in one transaction, so a crash neither repeats
nor loses anything. The cost depends on new records alone.

Outcomes are weighted by their decision's day and decay by the same rule, so late, duplicate or reordered records make
no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine

from alphaads_pipelines.bandits.base import HALF_LIFE_DAYS, Outcomes, discount_of
from alphaads_pipelines.bandits.context import FEATURES, Floats, vector
from alphaads_pipelines.bandits.policy_roles import FIRST, Pin, Roles
from alphaads_pipelines.bandits.policy_store import append_version, initialise_roles_in, load_version, prune_versions
from alphaads_pipelines.bandits.reward_join import ATTRIBUTION_WINDOW, is_attributed, outcome_counts
from alphaads_pipelines.errors import AlphaAdsError, WriteConflict
from alphaads_pipelines.pipeline.ad_records import decision_row, event_row, read_parsed
from alphaads_pipelines.stores import ad_decisions
from alphaads_pipelines.stores.ad_decisions import KINDS
from alphaads_pipelines.stores.sql.documents import read_document, replace_document_in
from alphaads_pipelines.stores.sql.relational import select_in, transaction
from alphaads_pipelines.stores.subjects.subjects import existing_in
from alphaads_pipelines.streams.base import Stream
from alphaads_pipelines.streams.topics import Topics
from alphaads_pipelines.telemetry import get_logger

LEARNER = "policy_learner"
"""Document with the learner's stream offsets; also read by the sensor."""
MOST_RECORDS = 5_000
"""Per partition and transaction: a backlog costs time, not memory."""

_AHEAD = timedelta(days=1)
_OVERTAKEN = "another run taught the policies meanwhile; this one changed nothing"
_SUMMED = ("decisions", "events", "left_out", "pulls", "rewards")
_log = get_logger(__name__)

Row = Mapping[str, Any]
Note = Callable[[Collection[str]], None]


@dataclass(frozen=True, slots=True)
class Teaching:
    """Parameters of learning.

    Parameters
    ----------
    policies: learning policies besides those with a role.
    half_life_days: age at which a decision's weight is halved.
    keep: retention of decisions; later events are ignored.
    """

    policies: tuple[str, ...] = (FIRST,)
    half_life_days: float = HALF_LIFE_DAYS
    keep: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Learned:
    """Outcome of learning.

    Parameters
    ----------
    version: counts transactions.
    decisions, events: usable records; left_out: malformed, of an erased subject, or too old.
    pulls, rewards: new ones.
    versions: policy -> new version, if it learned.
    offsets: topic -> partition -> one past the last offset read.
    is_all: whether nothing was left.
    """

    version: int
    decisions: int
    events: int
    left_out: int
    pulls: int
    rewards: int
    versions: Mapping[str, int]
    offsets: Mapping[str, Mapping[str, int]]
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class _Growth:
    """A decision with its new pulls and rewards."""

    arm: str
    facts: Mapping[str, Any]
    decided_at: datetime
    pulls: int
    rewards: int


def learn_policies(
    stream: Stream,
    engine: Engine,
    teaching: Teaching,
    *,
    topics: Topics,
    now: datetime,
    note: Note = lambda _: None,
    attempts: int = 1,
) -> Learned:
    """Learn all new records.

    Parameters
    ----------
    note: called with the subjects, before their decisions are stored or learned from; an error aborts the run.
    attempts: conflicts with other runs before giving up.

    Raises
    ------
    WriteConflict: another run came first; earlier transactions are committed. ConfigurationError, MissingArtifact,
    SchemaMismatch: a policy cannot be taught. StreamUnavailable, StoreUnavailable.
    """
    learned, left = None, attempts
    while learned is None or not learned.is_all:
        try:
            more = _learn_some(stream, engine, teaching, topics, now, note)
        except WriteConflict:
            left -= 1
            if not left:
                raise
            continue
        learned = more if learned is None else _together(learned, more)
    return learned


def _together(first: Learned, more: Learned) -> Learned:
    sums = {name: getattr(first, name) + getattr(more, name) for name in _SUMMED}
    return replace(more, versions={**first.versions, **more.versions}, **sums)


def _learn_some(
    stream: Stream, engine: Engine, teaching: Teaching, topics: Topics, now: datetime, note: Note
) -> Learned:
    seen, held = read_document(engine, LEARNER)
    offsets = held.get("offsets", {})
    decisions = read_parsed(stream, topics.decisions, offsets, decision_row, MOST_RECORDS)
    events = read_parsed(stream, topics.events, offsets, event_row, MOST_RECORDS)
    until = {topics.decisions: decisions.until, topics.events: events.until}
    young = [each for each in decisions.records if now - teaching.keep <= each["decided_at"] <= now + _AHEAD]
    with transaction(engine) as connection:
        version = replace_document_in(connection, LEARNER, {"offsets": until}, now, seen=seen, overtaken=_OVERTAKEN)
        roles = initialise_roles_in(connection, now)
        growths, passed_over = _join(connection, young, events.records, now, note)
        versions = _teach_all(connection, roles, growths, teaching, now) if growths else {}
        forgotten = {"decided_before": now - teaching.keep, "early_before": now - ATTRIBUTION_WINDOW}
        ad_decisions.forget(connection, **forgotten)
    used = len(young) - passed_over
    left_out = decisions.left_out + events.left_out + len(decisions.records) - used
    pulls, rewards = sum(each.pulls for each in growths), sum(each.rewards for each in growths)
    is_all = decisions.is_all and events.is_all
    return Learned(version, used, len(events.records), left_out, pulls, rewards, versions, until, is_all)


def _join(
    connection: Connection, decisions: Sequence[Row], events: Sequence[Row], now: datetime, note: Note
) -> tuple[list[_Growth], int]:
    """Store records; the increments in order of decisions, and the number of decisions without a known subject."""
    heard = _first_of_each(events)
    read = {row["decision_id"]: row for row in reversed(decisions)}
    stored = ad_decisions.read_decisions(connection, read.keys() | heard.keys())
    early = ad_decisions.read_early(connection, read.keys() | heard.keys())
    subjects = {row["subject_id"] for row in decisions} | {row.subject_id for row in stored}
    named = existing_in(connection, subjects - {None})
    living = {None, *named}
    if named:
        note(named)
    growths = _store_new(connection, read, {row.decision_id for row in stored}, living, early, heard)
    growths += _grow_stored(connection, [row for row in stored if row.subject_id in living], heard)
    known = {row.decision_id for row in stored} | {key for key, row in read.items() if row["subject_id"] in living}
    _keep_early(connection, {key: times for key, times in heard.items() if key not in known}, early, now)
    passed_over = sum(row["subject_id"] not in living for row in decisions)
    return sorted(growths, key=lambda each: (each.decided_at, each.arm)), passed_over


def _first_of_each(events: Iterable[Row]) -> dict[str, dict[str, datetime]]:
    """Decision -> kind -> first occurrence."""
    heard: dict[str, dict[str, datetime]] = {}
    for event in events:
        if event["kind"] in KINDS:
            times, at = heard.setdefault(event["decision_id"], {}), event["occurred_at"]
            times[event["kind"]] = min(at, times.get(event["kind"], at))
    return heard


def _earliest(*heard: ad_decisions.EventTimes) -> dict[str, datetime]:
    return {kind: min(each[kind] for each in heard if kind in each) for kind in KINDS if any(kind in e for e in heard)}


def _attributed(decided_at: datetime, heard: ad_decisions.EventTimes) -> dict[str, datetime]:
    return {kind: at for kind, at in heard.items() if is_attributed(decided_at, at)}


def _store_new(
    connection: Connection,
    read: Mapping[str, Row],
    stored: set[str],
    living: set[str | None],
    early: Mapping[str, ad_decisions.EventTimes],
    heard: Mapping[str, ad_decisions.EventTimes],
) -> list[_Growth]:
    new = [row for key, row in read.items() if key not in stored and row["subject_id"] in living]
    times = {}
    for row in new:
        key = row["decision_id"]
        times[key] = _attributed(row["decided_at"], _earliest(early.get(key, {}), heard.get(key, {})))
    ad_decisions.add_decisions(connection, new, times)
    ad_decisions.drop_early(connection, times.keys() & early.keys())
    grown = [(row, outcome_counts(times[row["decision_id"]])) for row in new]
    return [_Growth(row["arm_id"], row["context"], row["decided_at"], *each) for row, each in grown if any(each)]


def _grow_stored(
    connection: Connection, stored: Sequence[Any], heard: Mapping[str, ad_decisions.EventTimes]
) -> list[_Growth]:
    growths, changed = [], {}
    for row in stored:
        before = ad_decisions.event_times(row)
        after = _earliest(before, _attributed(row.decided_at, heard.get(row.decision_id, {})))
        if after == before:
            continue
        changed[row.decision_id] = after
        pulls, rewards = (now - then for now, then in zip(outcome_counts(after), outcome_counts(before), strict=True))
        if pulls or rewards:
            growths.append(_Growth(row.arm_id, row.context, row.decided_at, pulls, rewards))
    ad_decisions.update_event_times(connection, changed)
    return growths


def _keep_early(
    connection: Connection,
    heard: Mapping[str, ad_decisions.EventTimes],
    early: Mapping[str, ad_decisions.EventTimes],
    now: datetime,
) -> None:
    """Keep events until their decision arrives; repeats do not extend the wait."""
    news = {}
    for key, times in heard.items():
        held = early.get(key, {})
        news[key] = {kind: at for kind, at in times.items() if kind not in held or at < held[kind]}
    ad_decisions.keep_early(connection, news, now)


def _teach_all(
    connection: Connection, roles: Roles, growths: Sequence[_Growth], teaching: Teaching, now: datetime
) -> dict[str, int]:
    """Policy -> new version. A policy that cannot be taught is logged and skipped, unless it serves."""
    versions = {}
    for name in dict.fromkeys([*teaching.policies, *roles.names]):
        try:
            versions[name] = _teach(connection, name, growths, teaching, now)
        except AlphaAdsError as error:
            if name == roles.serving.policy or error.retryable:
                raise
            _log.error("policy not taught", policy=name, error=error.code)
    prune_versions(connection, versions, now, since=now - teaching.keep, keep=roles.pinned)
    return versions


def _teach(connection: Connection, name: str, growths: Sequence[_Growth], teaching: Teaching, now: datetime) -> int:
    held = load_version(connection, Pin(name))
    weights = np.array([_weight(each.decided_at, now, teaching) for each in growths])
    since = 1.0 if held.taught_at is None else _weight(held.taught_at, now, teaching)
    if since < 1.0 or weights.min() < 1.0:
        held.policy.discount(since)
    held.policy.learn(_outcomes(growths, weights))
    held.policy.retire(_retired(connection, held.policy.known_arms))
    held.policy.inform()
    return append_version(connection, held.policy, now)


def _weight(at: datetime, now: datetime, teaching: Teaching) -> float:
    """Weight of a UTC day; whole days, so that all of a day weighs alike."""
    return discount_of(max(0, (now.date() - at.date()).days), teaching.half_life_days)


def _outcomes(growths: Sequence[_Growth], weights: Floats) -> Outcomes:
    contexts = np.array([vector(each.facts) for each in growths]).reshape(-1, FEATURES)
    rewards = weights * [each.rewards for each in growths]
    return Outcomes([each.arm for each in growths], contexts, rewards, weights * [each.pulls for each in growths])


def _retired(connection: Connection, arms: Iterable[str]) -> set[str]:
    """Creatives among these arms that their campaign no longer has."""
    rows = select_in(connection, "creatives", "creative_id", arms, ["creative_id", "is_current"])
    return {row.creative_id for row in rows if not row.is_current}

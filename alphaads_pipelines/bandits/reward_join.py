"""From decisions and events to rewards, exactly once, in whatever order and however often they arrive.

An impression is a pull, a click on a decision that was shown is a reward. Each counts once per decision, so an event
delivered twice, or two clicks on one ad, change nothing. A decision is closed a day after it was made.

A pull counts as soon as it is heard of, and its reward when that comes, so nothing waits: an ad that was shown and not
clicked has had no reward all along. A decision that nothing was heard of says nothing of its creative, since nobody
saw it, unless clicks are all that a placement reports (`lapse`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np

from alphaads_pipelines.bandits.base import Outcomes
from alphaads_pipelines.bandits.context import FEATURES, vector

ATTRIBUTION_WINDOW = timedelta(hours=24)
"""An event counts if it happened so long after its decision at most."""

_IMPRESSION, _CLICK = "impression", "click"


def is_attributed(decided_at: datetime, occurred_at: datetime) -> bool:
    """Whether an event counts for its decision, as far as their times go."""
    return occurred_at - decided_at <= ATTRIBUTION_WINDOW


def outcome_counts(kinds: Collection[str]) -> tuple[int, int]:
    """(pulls, rewards) of a decision that these kinds of events were heard of; a click proves its impression."""
    return int(_IMPRESSION in kinds or _CLICK in kinds), int(_CLICK in kinds)


@dataclass
class _OpenDecision:
    """What is known of one decision: its arm, its time and its facts (context.py), and the first event of each kind;
    `arm` is None, and `at` the time of an event, until the decision itself arrives."""

    arm: str | None
    at: datetime
    first_events: dict[str, datetime] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def outcome_counts(self) -> tuple[int, int]:
        """(pulls, rewards)."""
        if self.arm is None:
            return 0, 0
        return outcome_counts({kind for kind, at in self.first_events.items() if is_attributed(self.at, at)})


_Change = tuple[_OpenDecision, int, int]
"""A decision, and by how much its pulls and its rewards have grown."""


class RewardJoin:
    """Joins decisions and events. The state is JSON-ready and carries what still waits for its other half."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenDecision] = {}

    def join(
        self, decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
    ) -> dict[str, tuple[int, int]]:
        """New {arm: (pulls, rewards)} that these records complete.

        Parameters
        ----------
        decisions: with decision_id, arm_id and decided_at (RFC 3339).
        events: with decision_id, kind and occurred_at; other kinds than impression and click are left alone.
        """
        counts: dict[str, tuple[int, int]] = {}
        for entry, pulls, rewards in self._changes(decisions, events):
            current = counts.get(str(entry.arm), (0, 0))
            counts[str(entry.arm)] = (current[0] + pulls, current[1] + rewards)
        return counts

    def outcomes(self, decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Outcomes:
        """The same with contexts, for `Policy.learn`: decisions may hold their facts as `context`."""
        return _outcomes(self._changes(decisions, events))

    def expire_unreported(self, now: datetime) -> Outcomes:
        """Close, and give decisions that nothing was heard of as pulls without a reward.

        For placements that report clicks alone: only the clicked ads would be counted there, each with its click.
        """
        unreported = [
            (entry, 1, 0) for entry in self._open.values() if entry.arm is not None and entry.outcome_counts() == (0, 0)
        ]
        self.close(now)
        open_ids = {id(entry) for entry in self._open.values()}
        return _outcomes(each for each in unreported if id(each[0]) not in open_ids)

    def _changes(
        self, decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
    ) -> Iterator[_Change]:
        for decision in decisions:
            arm, at = str(decision["arm_id"]), datetime.fromisoformat(decision["decided_at"])
            entry = self._open.setdefault(str(decision["decision_id"]), _OpenDecision(None, at))
            if entry.arm is None:
                entry.arm, entry.at, entry.facts = arm, at, decision.get("context") or {}
                yield from _change(entry, (0, 0))
        for event in events:
            if event["kind"] in (_IMPRESSION, _CLICK):
                at = datetime.fromisoformat(event["occurred_at"])
                entry = self._open.setdefault(str(event["decision_id"]), _OpenDecision(None, at))
                before = entry.outcome_counts()
                entry.first_events[event["kind"]] = min(at, entry.first_events.get(event["kind"], at))
                yield from _change(entry, before)

    def close(self, now: datetime) -> int:
        """Forget decisions older than the attribution window, and events that waited as long for theirs; how many."""
        for entry in self._open.values():
            entry.at = min(entry.at, now)  # whoever reports from the future waits no longer than others
        old = [key for key, entry in self._open.items() if now - entry.at > ATTRIBUTION_WINDOW]
        for key in old:
            del self._open[key]
        return len(old)

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        return {key: _encoded(entry) for key, entry in sorted(self._open.items())}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The learner that `state` describes; an empty state is a new one."""
        joined = cls()
        for key, (arm, at, first_events, *facts) in state.items():
            times = {kind: datetime.fromisoformat(each) for kind, each in first_events.items()}
            joined._open[key] = _OpenDecision(arm, datetime.fromisoformat(at), times, *facts)
        return joined


def _encoded(entry: _OpenDecision) -> list[Any]:
    first_events = {kind: at.isoformat() for kind, at in sorted(entry.first_events.items())}
    return [entry.arm, entry.at.isoformat(), first_events, *([dict(entry.facts)] if entry.facts else [])]


def _change(entry: _OpenDecision, before: tuple[int, int]) -> Iterator[_Change]:
    pulls, rewards = (now - then for now, then in zip(entry.outcome_counts(), before, strict=True))
    if pulls or rewards:
        yield entry, pulls, rewards


def _outcomes(changes: Iterable[_Change]) -> Outcomes:
    grown = list(changes)
    contexts = np.array([vector(entry.facts) for entry, _, _ in grown]).reshape(-1, FEATURES)
    pulls, rewards = np.array([counts for _, *counts in grown], dtype=np.float64).reshape(-1, 2).T
    return Outcomes([str(entry.arm) for entry, _, _ in grown], contexts, rewards, pulls)

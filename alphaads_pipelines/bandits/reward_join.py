"""Join decisions and events into rewards, exactly once, in any order of arrival.

An impression is a pull, a click on a shown ad a reward, once per decision. Both count as they arrive: an unclicked ad
has had no reward so far. A decision without events says nothing about its creative, unless the placement reports clicks
only (`expire_unreported`). Decisions close after a day.
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
"""From the decision to the last event that counts."""

_IMPRESSION, _CLICK = "impression", "click"


def is_attributed(decided_at: datetime, occurred_at: datetime) -> bool:
    """Whether an event lies within its decision's window."""
    return occurred_at - decided_at <= ATTRIBUTION_WINDOW


def outcome_counts(kinds: Collection[str]) -> tuple[int, int]:
    """(pulls, rewards); a click implies an impression."""
    return int(_IMPRESSION in kinds or _CLICK in kinds), int(_CLICK in kinds)


@dataclass
class _OpenDecision:
    """A decision and the first event of each kind; before it arrives, `arm` is None and `at` an event's time."""

    arm: str | None
    at: datetime
    first_events: dict[str, datetime] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def outcome_counts(self) -> tuple[int, int]:
        if self.arm is None:
            return 0, 0
        return outcome_counts({kind for kind, at in self.first_events.items() if is_attributed(self.at, at)})


_Change = tuple[_OpenDecision, int, int]
"""A decision, its new pulls and rewards."""


class RewardJoin:
    """Joins decisions and events; unmatched ones are its state."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenDecision] = {}

    def join(
        self, decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
    ) -> dict[str, tuple[int, int]]:
        """New {arm: (pulls, rewards)}.

        Parameters
        ----------
        decisions: decision_id, arm_id, decided_at (RFC 3339).
        events: decision_id, kind, occurred_at; only impressions and clicks count.
        """
        counts: dict[str, tuple[int, int]] = {}
        for entry, pulls, rewards in self._changes(decisions, events):
            current = counts.get(str(entry.arm), (0, 0))
            counts[str(entry.arm)] = (current[0] + pulls, current[1] + rewards)
        return counts

    def outcomes(self, decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Outcomes:
        """`join` for `Policy.learn`; decisions may hold facts as `context`."""
        return _outcomes(self._changes(decisions, events))

    def expire_unreported(self, now: datetime) -> Outcomes:
        """Close decisions; those without events become pulls without rewards.

        For placements that report clicks only, where every counted ad would be a clicked one.
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
        """Drop decisions and unmatched events beyond the window; returns how many."""
        for entry in self._open.values():
            entry.at = min(entry.at, now)  # future timestamps wait no longer
        old = [key for key, entry in self._open.items() if now - entry.at > ATTRIBUTION_WINDOW]
        for key in old:
            del self._open[key]
        return len(old)

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        return {key: _encoded(entry) for key, entry in sorted(self._open.items())}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore a join."""
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

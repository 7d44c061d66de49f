"""From decisions and events to rewards, exactly once, in whatever order and however often they arrive.

An impression is a pull, a click on a decision that was shown is a reward. Each counts once per decision, so an event
delivered twice, or two clicks on one ad, change nothing. A decision is closed a day after it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

ATTRIBUTION_WINDOW = timedelta(hours=24)
"""An event counts if it happened so long after its decision at most."""

_IMPRESSION, _CLICK = "impression", "click"


@dataclass
class _Open:
    """What is known of one decision: its arm and time, and the first event of each kind; `arm` is None, and `at` the
    time of an event, until the decision itself arrives."""

    arm: str | None
    at: datetime
    heard: dict[str, datetime] = field(default_factory=dict)

    def counted(self) -> tuple[int, int]:
        """(pulls, rewards); a click without its impression proves the impression."""
        if self.arm is None:
            return 0, 0
        seen = {kind for kind, at in self.heard.items() if at - self.at <= ATTRIBUTION_WINDOW}
        return int(bool(seen)), int(_CLICK in seen)


class Learner:
    """Joins decisions and events. The state is JSON-ready and carries what still waits for its other half."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def join(
        self, decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
    ) -> dict[str, tuple[int, int]]:
        """New {arm: (pulls, rewards)} that these records complete.

        Parameters
        ----------
        decisions: with decision_id, arm_id and decided_at (RFC 3339).
        events: with decision_id, kind and occurred_at; other kinds than impression and click are left alone.
        """
        rewards: dict[str, tuple[int, int]] = {}
        for decision in decisions:
            arm, at = str(decision["arm_id"]), datetime.fromisoformat(decision["decided_at"])
            entry = self._open.setdefault(str(decision["decision_id"]), _Open(None, at))
            if entry.arm is None:
                entry.arm, entry.at = arm, at
                _add(rewards, arm, entry.counted(), (0, 0))
        for event in events:
            if event["kind"] in (_IMPRESSION, _CLICK):
                at = datetime.fromisoformat(event["occurred_at"])
                entry = self._open.setdefault(str(event["decision_id"]), _Open(None, at))
                before = entry.counted()
                entry.heard[event["kind"]] = min(at, entry.heard.get(event["kind"], at))
                if entry.arm is not None:
                    _add(rewards, entry.arm, entry.counted(), before)
        return {arm: counts for arm, counts in rewards.items() if any(counts)}

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
        return {
            key: [entry.arm, entry.at.isoformat(), {kind: at.isoformat() for kind, at in sorted(entry.heard.items())}]
            for key, entry in sorted(self._open.items())
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The learner that `state` describes; an empty state is a new one."""
        learner = cls()
        for key, (arm, at, heard) in state.items():
            times = {kind: datetime.fromisoformat(each) for kind, each in heard.items()}
            learner._open[key] = _Open(arm, datetime.fromisoformat(at), times)
        return learner


def _add(rewards: dict[str, tuple[int, int]], arm: str, after: tuple[int, int], before: tuple[int, int]) -> None:
    pulls, won = rewards.get(arm, (0, 0))
    rewards[arm] = (pulls + after[0] - before[0], won + after[1] - before[1])

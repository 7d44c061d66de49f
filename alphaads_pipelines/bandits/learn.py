"""From decisions and events to rewards, exactly once, in whatever order and however often they arrive.

An impression is a pull, a click on a decision that was shown is a reward. Each counts once per decision, so an event
delivered twice, or two clicks on one ad, change nothing. A decision that heard nothing for a day is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

ATTRIBUTION_WINDOW = timedelta(hours=24)
"""An event counts for a decision made so long ago at most."""

_IMPRESSION, _CLICK = "impression", "click"


@dataclass
class _Open:
    """What is known of one decision: its arm (once the decision itself arrived) and the kinds of event seen."""

    arm: str | None = None
    at: str = ""
    seen: set[str] = field(default_factory=set)


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
            entry = self._open.setdefault(str(decision["decision_id"]), _Open())
            if entry.arm is None:
                entry.arm, entry.at = str(decision["arm_id"]), str(decision["decided_at"])
                _add(rewards, entry.arm, _counted(entry.seen))
        for event in events:
            entry = self._open.setdefault(str(event["decision_id"]), _Open(at=str(event["occurred_at"])))
            if event["kind"] in (_IMPRESSION, _CLICK) and event["kind"] not in entry.seen:
                before = _counted(entry.seen)
                entry.seen.add(str(event["kind"]))
                if entry.arm is not None:
                    _add(rewards, entry.arm, _minus(_counted(entry.seen), before))
        return {arm: counts for arm, counts in rewards.items() if any(counts)}

    def close(self, now: datetime) -> int:
        """Forget decisions older than the attribution window; how many."""
        limit = now - ATTRIBUTION_WINDOW
        old = [key for key, entry in self._open.items() if datetime.fromisoformat(entry.at) < limit]
        for key in old:
            del self._open[key]
        return len(old)

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        return {key: [entry.arm, entry.at, sorted(entry.seen)] for key, entry in sorted(self._open.items())}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The learner that `state` describes; an empty state is a new one."""
        learner = cls()
        learner._open = {key: _Open(arm, at, set(seen)) for key, (arm, at, seen) in state.items()}
        return learner


def _counted(seen: set[str]) -> tuple[int, int]:
    """(pulls, rewards) of a decision: a click without its impression proves the impression."""
    return int(bool(seen)), int(_CLICK in seen)


def _minus(after: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
    return after[0] - before[0], after[1] - before[1]


def _add(rewards: dict[str, tuple[int, int]], arm: str, counts: tuple[int, int]) -> None:
    pulls, won = rewards.get(arm, (0, 0))
    rewards[arm] = (pulls + counts[0], won + counts[1])

"""The closed loop: decisions, reports, joined outcomes, learning.

As in pipeline/learning.py, except that open decisions are kept by `RewardJoin`. Learned weights are discounted daily,
and retired creatives forgotten once no reports of them can arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.base import Choices, Outcomes, discount_of
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.reward_join import ATTRIBUTION_WINDOW, RewardJoin
from alphaads_pipelines.bandits.simulator.stream import LONGEST_TRANSPORT_S, Stream
from alphaads_pipelines.bandits.simulator.world import DAY_S, HOUR_S, START

Draws = NDArray[np.intp]
Record = dict[str, Any]
Arrivals = tuple[list[Record], list[Record]]
"""Decision and event records, in order of arrival."""

_GRACE = timedelta(seconds=LONGEST_TRANSPORT_S)
_GONE_S = (ATTRIBUTION_WINDOW + _GRACE).total_seconds()


class Player(Protocol):
    """A policy's interface, for peer libraries to adapt to."""

    def choose_many(self, arms: Sequence[str], contexts: Floats, seed: int) -> Choices:
        """Draw an arm for each context."""

    def learn(self, outcomes: Outcomes) -> None:
        """Learn from outcomes with their contexts."""

    def discount(self, factor: float) -> None:
        """Multiply learned weights by `factor`."""

    def inform(self) -> None:
        """Fit the prior of new arms to known ones."""

    def retire(self, arms: Collection[str]) -> None:
        """Forget these arms."""


@dataclass(frozen=True)
class PlayResult:
    """A policy's run on a stream; shape (n,) each.

    Attributes
    ----------
    drawn: index among the phase's arms. regret: expected, in clicks.
    is_clicked: whether the ad was seen and clicked.
    """

    drawn: Draws
    propensities: Floats
    regret: Floats
    is_clicked: NDArray[np.bool_]


def play(
    stream: Stream,
    player: Player,
    daily: float = discount_of(1.0),
    advance: Callable[[int], object] = lambda _: None,
) -> PlayResult:
    """Let a policy decide on a stream and learn from it.

    Parameters
    ----------
    daily: discount factor. advance: called with the number of further decisions.
    """
    queue, join, n = DeliveryQueue(stream), RewardJoin(), len(stream)
    drawn, propensities = np.zeros(n, dtype=np.intp), np.ones(n)
    for step, until in enumerate(stream.until.tolist()):
        its = slice(int(stream.steps[step]), int(stream.steps[step + 1]))
        if its.start < its.stop:
            arms = stream.arms[int(stream.phase[its.start])]
            choices = player.choose_many(arms, stream.contexts[its], seed_of(stream, step))
            drawn[its], propensities[its] = choices.drawn, choices.propensities
            queue.schedule(its, choices.drawn)
            advance(its.stop - its.start)
        outcomes = join.outcomes(*queue.arrived(step))
        if len(outcomes.arms):
            player.learn(outcomes)
            player.inform()
        join.close(START + timedelta(seconds=until) - _GRACE)
        if until % DAY_S == 0:
            player.discount(daily)
            if retired := _newly_retired(stream, until):
                player.retire(retired)
    return PlayResult(drawn, propensities, stream.regret(drawn), clicked(stream, drawn))


def clicked(stream: Stream, drawn: Draws) -> NDArray[np.bool_]:
    """Whether draws are seen and clicked, shape (n,)."""
    at = np.arange(len(stream)), drawn
    return np.asarray(stream.reports.is_seen & (stream.coins[at] < stream.chances[at]))


def seed_of(stream: Stream, step: int) -> int:
    """Seed of a step's draws."""
    return stream.seed * 1_000_003 + step


class DeliveryQueue:
    """Delivers records with delays, losses and repetitions; those due after the end never arrive."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._waiting: dict[int, list[tuple[float, bool, Record]]] = defaultdict(list)

    def schedule(self, decided: slice, drawn: Draws) -> None:
        """Schedule the records of these draws."""
        stream, reports = self._stream, self._stream.reports
        arms = stream.arms[int(stream.phase[decided.start])]
        at = np.arange(decided.start, decided.stop), drawn
        wins = (stream.coins[at] < stream.chances[at]).tolist()
        for place, arm, is_win in zip(range(decided.start, decided.stop), drawn.tolist(), wins, strict=True):
            key, when = f"{stream.seed}-{place}", _iso(stream.at[place])
            record = {"decision_id": key, "arm_id": arms[arm], "decided_at": when, "context": stream.facts[place]}
            self._put(reports.decision[place], True, record)
            if not reports.is_seen[place]:
                continue
            shown = {"decision_id": key, "kind": "impression", "occurred_at": _iso(reports.shown_at[place])}
            for arrival in (reports.impression[place], reports.impression_again[place]):
                self._put(arrival, False, shown)
            if is_win:
                won = {"decision_id": key, "kind": "click", "occurred_at": _iso(reports.clicked_at[place])}
                for arrival in (reports.click[place], reports.click_again[place]):
                    self._put(arrival, False, won)

    def arrived(self, step: int) -> Arrivals:
        """Records since the previous step."""
        arrivals = sorted(self._waiting.pop(step, ()), key=lambda each: each[0])
        decisions = [record for _, is_decision, record in arrivals if is_decision]
        return decisions, [record for _, is_decision, record in arrivals if not is_decision]

    def _put(self, arrival: float, is_decision: bool, record: Record) -> None:
        if isfinite(arrival):
            step = int(arrival // (self._stream.world.learn_hours * HOUR_S))
            self._waiting[step].append((arrival, is_decision, record))


def _iso(at_s: float) -> str:
    return (START + timedelta(seconds=float(at_s))).isoformat()


def _newly_retired(stream: Stream, now_s: float) -> set[str]:
    """Arms whose last report fell due within the past day."""
    return _retired(stream, now_s - _GONE_S) - _retired(stream, now_s - _GONE_S - DAY_S)


def _retired(stream: Stream, at_s: float) -> set[str]:
    over = sum(day * DAY_S <= at_s for day in stream.begins[1:])
    offered = {arm for arms in stream.arms[over:] for arm in arms}
    return {arm for arms in stream.arms[:over] for arm in arms} - offered

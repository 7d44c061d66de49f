"""A world's decisions, click probabilities and reports before any draw, the same for every policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.context import Floats, vector
from alphaads_pipelines.bandits.simulator.people import People, sample_decisions
from alphaads_pipelines.bandits.simulator.truth import Truth
from alphaads_pipelines.bandits.simulator.world import DAY_S, HOUR_S, Reporting, World

Flags = NDArray[np.bool_]

LONGEST_TRANSPORT_S = 2 * HOUR_S
"""Maximum delay of a first delivery."""


@dataclass(frozen=True)
class Reports:
    """Times of events and arrivals for any draw; seconds from START, shape (n,) each.

    Attributes
    ----------
    is_seen: whether the ad is shown. shown_at, clicked_at: if it is.
    decision, impression, click: arrivals, infinite if lost.
    impression_again, click_again: second deliveries, else infinite.
    """

    is_seen: Flags
    shown_at: Floats
    clicked_at: Floats
    decision: Floats
    impression: Floats
    click: Floats
    impression_again: Floats
    click_again: Floats

    @classmethod
    def generate(cls, how: Reporting, at: Floats, seed: int) -> Reports:
        """Draw the reports of decisions."""
        rng, n = np.random.default_rng((seed, 4)), len(at)

        def arrival(happened: Floats) -> Floats:
            return happened + np.minimum(rng.exponential(size=n) * how.transport, LONGEST_TRANSPORT_S)

        def again(first: Floats) -> Floats:
            later = first + rng.exponential(size=n) * 3 * HOUR_S
            return np.where(rng.random(n) < how.doubled, later, np.inf)

        is_seen = rng.random(n) >= how.unseen
        shown_at = at + rng.exponential(size=n) * 2.0
        clicked_at = shown_at + how.click_after * np.exp(how.click_spread * rng.normal(size=n))
        impression, click = arrival(shown_at), arrival(clicked_at)
        impression = np.where(rng.random(n) < how.lost, np.inf, impression)
        return cls(is_seen, shown_at, clicked_at, arrival(at), impression, click, again(impression), again(click))


@dataclass(frozen=True)
class Stream:
    """n decisions in order of time.

    Attributes
    ----------
    at: seconds from START, shape (n,). contexts: vectors of the facts, (n, FEATURES).
    begins, arms: first day and arms by phase. phase: by decision, (n,).
    chances: click probabilities of the phase's arms, (n, creatives). coins: likewise; below the chance is a click.
    steps: a policy decides [steps[i], steps[i + 1]), then learns arrivals before `until[i]`.
    """

    world: World
    seed: int
    at: Floats
    facts: Sequence[Mapping[str, Any]]
    contexts: Floats
    begins: Sequence[int]
    arms: Sequence[tuple[str, ...]]
    phase: NDArray[np.intp]
    chances: Floats
    coins: Floats
    reports: Reports
    steps: NDArray[np.intp]
    until: Floats

    @classmethod
    def generate(cls, world: World, decisions: int, seed: int) -> Stream:
        """Generate a world's stream. Raises InvalidRequest."""
        world.check()
        people, truth = People.generate(world, seed), Truth.generate(world, seed)
        at, person, placement, anonymous = sample_decisions(world, decisions, seed)
        rows = zip(at.tolist(), person.tolist(), placement.tolist(), anonymous.tolist(), strict=True)
        facts = [people.facts(when, who, where, is_anonymous=nameless) for when, who, where, nameless in rows]
        phase = np.searchsorted([each.day * DAY_S for each in truth.phases], at, side="right") - 1
        bounds = np.searchsorted(phase, np.arange(len(truth.phases) + 1))
        chances = [
            truth.chances(each, facts[first:last])
            for each, (first, last) in zip(truth.phases, pairwise(bounds.tolist()), strict=True)
        ]
        until = HOUR_S * np.arange(world.learn_hours, world.days * 24 + 1, world.learn_hours, dtype=np.float64)
        return cls(
            world,
            seed,
            at,
            facts,
            np.array([vector(each) for each in facts]),
            [each.day for each in truth.phases],
            [each.arms for each in truth.phases],
            phase,
            np.concatenate(chances),
            np.random.default_rng((seed, 5)).random((decisions, world.creatives)),
            Reports.generate(world.reporting, at, seed),
            np.concatenate([[0], np.searchsorted(at, until)]),
            until,
        )

    def __len__(self) -> int:
        return len(self.at)

    def regret(self, drawn: NDArray[np.intp]) -> Floats:
        """Expected clicks lost against the best creative, shape (n,)."""
        return np.asarray(self.chances.max(axis=1) - self.chances[np.arange(len(self)), drawn])

    @property
    def regret_of_random(self) -> Floats:
        """Expected regret of random draws, shape (n,)."""
        return np.asarray(self.chances.max(axis=1) - self.chances.mean(axis=1))

"""One run of a world before anybody has decided anything: who comes when, what each creative would earn there, how
what happens will be reported. Whoever decides on it meets the same people, coins and delays.
"""

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
"""No first delivery takes longer."""


@dataclass(frozen=True)
class Reports:
    """When things would happen and be heard of, whatever is decided; seconds from START, shape (n,) each.

    Attributes
    ----------
    is_seen: whether the ad is shown at all. shown_at, clicked_at: when, if it is.
    decision, impression, click: arrival of each record, infinite if it is lost.
    impression_again, click_again: of its second delivery, infinite if there is none.
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
        """The reports of decisions at these times."""
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
    """Decisions to be made, n of them in order of time.

    Attributes
    ----------
    at: seconds from START, shape (n,). facts: of each, as they are logged. contexts: their vectors, (n, FEATURES).
    begins: first day of each phase of the truth. arms: of each phase, who may be shown. phase: of each decision, (n,).
    chances: of a click on each arm of its phase, shape (n, creatives). coins: likewise; below its chance is a click.
    steps: where a policy learns: it decides on [steps[i], steps[i + 1]) as it is, then hears what came by `until[i]`.
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
        """The stream of a world of this seed. Raises InvalidRequest."""
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
        """What each draw was expected to lose against the best creative of its moment, in clicks; shape (n,)."""
        return np.asarray(self.chances.max(axis=1) - self.chances[np.arange(len(self)), drawn])

    @property
    def regret_of_random(self) -> Floats:
        """The same for draws at random, expected; shape (n,)."""
        return np.asarray(self.chances.max(axis=1) - self.chances.mean(axis=1))

"""The true click probabilities, logistic in the facts of a decision.

logit = level + shared'z + own'z with z = `feature_row`(facts); `shared` is common to all creatives, `own` a creative's.
When the world drifts, creatives exchange coefficients, some retire and new ones come; phases lie between such changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any

import numpy as np

from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.simulator.world import PLACEMENTS, SEGMENTS, World
from alphaads_pipelines.schema.tables import EMOTIONS

_TRENDS = ("rising", "falling")
_ROW_LENGTH = 1 + len(EMOTIONS) + len(SEGMENTS) + len(PLACEMENTS) + 2 + len(_TRENDS)


def feature_row(facts: Mapping[str, Any]) -> list[float]:
    """1, mood, segment, placement, sine and cosine of the hour, trend."""
    turn = 2 * pi * facts["hour"] / 24
    row = [1.0]
    for names, value in ((EMOTIONS, "mood"), (SEGMENTS, "segment"), (PLACEMENTS, "placement")):
        row += [float(facts.get(value) == name) for name in names]
    return [*row, sin(turn), cos(turn), *(float(facts.get("mood_trend") == name) for name in _TRENDS)]


@dataclass(frozen=True)
class Phase:
    """The truth from a day on.

    Attributes
    ----------
    day: the first, from 0. own: coefficients, shape (arms, z).
    """

    day: int
    arms: tuple[str, ...]
    own: Floats


@dataclass(frozen=True)
class Truth:
    """A world's phases, and the shared coefficients, shape (z,)."""

    level: float
    shared: Floats
    phases: tuple[Phase, ...]

    @classmethod
    def generate(cls, world: World, seed: int) -> Truth:
        """Draw the truth of a world."""
        rng = np.random.default_rng((seed, 3))
        own = np.array([world.own, *_own_spreads(world)])
        shared = rng.normal(size=_ROW_LENGTH) * world.shared
        shared[0] = 0.0
        names = [f"creative-{number:02}" for number in range(1, world.creatives + 1)]
        coefficients = rng.normal(size=(world.creatives, _ROW_LENGTH)) * own
        phases, created = [Phase(0, tuple(names), coefficients)], world.creatives
        for day in world.changes:
            coefficients, names = coefficients.copy(), list(names)
            changed = rng.permutation(world.creatives)[: world.swapped + world.replaced]
            ring, fresh = changed[: world.swapped], changed[world.swapped :]
            coefficients[ring] = coefficients[np.roll(ring, 1)]
            coefficients[fresh] = rng.normal(size=(len(fresh), _ROW_LENGTH)) * own
            for place in fresh.tolist():
                created += 1
                names[place] = f"creative-{created:02}"
            phases.append(Phase(day, tuple(names), coefficients))
        return cls(world.level, shared, tuple(phases))

    def chances(self, phase: Phase, facts: Sequence[Mapping[str, Any]]) -> Floats:
        """Click probability of each arm, shape (n, arms)."""
        rows = np.array([feature_row(each) for each in facts]).reshape(-1, _ROW_LENGTH)
        odds: Floats = self.level + (rows @ self.shared)[:, None] + rows @ phase.own.T
        return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def _own_spreads(world: World) -> list[float]:
    moods, segments = [world.own_mood] * len(EMOTIONS), [world.own_segment] * len(SEGMENTS)
    return [*moods, *segments, *([world.own_other] * (_ROW_LENGTH - 1 - len(moods) - len(segments)))]

"""Synthetic people: moods follow an hourly Markov chain over EMOTIONS, and posts show them.

A mood lasts 33 hours on average, then the next is drawn from the segment's tastes. As in a profile, decisions know only
posted emotions: the leading one at a half-life of 24 hours, shares, mean sentiment and trend. So the known mood lags
behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.context import PLATFORMS, Floats, facts_of
from alphaads_pipelines.bandits.simulator.world import DAY_S, HOUR_S, PLACEMENTS, SEGMENTS, START, World
from alphaads_pipelines.profiles.profile_summary import ProfileSummary
from alphaads_pipelines.schema.tables import EMOTIONS

Ints = NDArray[np.int64]

HOURLY_POSTS = 0.15 * (1.0 + np.sin((np.arange(24) - 9) / 24 * 2 * np.pi))
"""Probability of a post by hour (UTC)."""
SENTIMENT = np.array([-0.7, -0.6, -0.5, 0.8, 0.0, -0.6, 0.2])
"""Of posts, in the order of EMOTIONS."""

_STAYS = 0.97
_FADES = 0.5 ** (1 / 24)
_PAST_HOURS = 7 * 24
_TREND = 0.1


@dataclass(frozen=True)
class People:
    """All people, hour by hour from START.

    Attributes
    ----------
    segment, platform: shape (people,). moods: leading emotion or -1; trends: -1, 0 or 1; posts and sentiment so far:
        shape (hours, people). shares: of emotions, shape (hours, people, emotions).
    """

    segment: Ints
    platform: Ints
    moods: NDArray[np.int8]
    trends: NDArray[np.int8]
    posts: NDArray[np.int32]
    sentiment: NDArray[np.float32]
    shares: NDArray[np.float32]

    @classmethod
    def generate(cls, world: World, seed: int) -> People:
        """Generate people, with a week of posts before START."""
        rng = np.random.default_rng((seed, 1))
        people, hours = world.people, world.days * 24
        segment, platform = rng.integers(len(SEGMENTS), size=people), rng.integers(len(PLATFORMS), size=people)
        tastes = rng.dirichlet(np.full(len(EMOTIONS), 0.8), size=len(SEGMENTS)).cumsum(axis=1)[segment]
        shape = (hours, people)
        seen = cls(
            segment,
            platform,
            np.empty(shape, dtype=np.int8),
            np.empty(shape, dtype=np.int8),
            np.empty(shape, dtype=np.int32),
            np.empty(shape, dtype=np.float32),
            np.empty((*shape, len(EMOTIONS)), dtype=np.float32),
        )
        mood = _draw_emotions(tastes, rng)
        fresh, total = np.zeros((people, len(EMOTIONS))), np.zeros((people, len(EMOTIONS)))
        for hour in range(-_PAST_HOURS, hours):
            if hour >= 0:
                seen._record_hour(hour, fresh, total)
            mood = np.where(rng.random(people) < _STAYS, mood, _draw_emotions(tastes, rng))
            posters = np.flatnonzero(rng.random(people) < HOURLY_POSTS[hour % 24])
            fresh *= _FADES
            for weights in (fresh, total):
                weights[posters, mood[posters]] += 1.0
        return seen

    def facts(self, at_s: float, person: int, placement: int, *, is_anonymous: bool) -> dict[str, Any]:
        """The facts of a decision about a person."""
        now, where, hour = START + timedelta(seconds=at_s), PLACEMENTS[placement], int(at_s // HOUR_S)
        if is_anonymous:
            return facts_of(now, where)
        mood = int(self.moods[hour, person])
        emotion = None if mood < 0 else EMOTIONS[mood]
        summary = self._summary(hour, person, emotion)
        return facts_of(now, where, mood=emotion, profile=summary, segment=SEGMENTS[self.segment[person]])

    def _summary(self, hour: int, person: int, mood: str | None) -> ProfileSummary:
        posts = int(self.posts[hour, person])
        shares = zip(EMOTIONS, self.shares[hour, person].tolist(), strict=True)
        return ProfileSummary(
            posts=posts,
            mood=mood,
            mood_trend=("falling", "steady", "rising")[self.trends[hour, person] + 1] if posts else None,
            sentiment_mean=float(self.sentiment[hour, person]) if posts else None,
            emotions={name: share for name, share in shares if share},
            platforms={PLATFORMS[self.platform[person]]: posts},
        )

    def _record_hour(self, hour: int, fresh: Floats, total: Floats) -> None:
        """Store emotions before an hour; `fresh` decays, `total` does not."""
        posts = total.sum(axis=1)
        known = np.maximum(posts, 1.0)
        overall = total @ SENTIMENT / known
        recent = fresh @ SENTIMENT / np.maximum(fresh.sum(axis=1), 1e-9)
        change = recent - overall
        self.moods[hour] = np.where(posts > 0, fresh.argmax(axis=1), -1)
        self.trends[hour] = np.where(np.abs(change) > _TREND, np.sign(change), 0)
        self.posts[hour], self.sentiment[hour], self.shares[hour] = posts, overall, total / known[:, None]


def sample_decisions(world: World, decisions: int, seed: int) -> tuple[Floats, Ints, Ints, NDArray[np.bool_]]:
    """Time, person, placement and anonymity of decisions, sorted, at posting hours."""
    rng = np.random.default_rng((seed, 2))
    hourly = HOURLY_POSTS / HOURLY_POSTS.sum()
    hour = rng.choice(24, size=decisions, p=hourly)
    at = np.sort(rng.integers(world.days, size=decisions) * DAY_S + (hour + rng.random(decisions)) * HOUR_S)
    person, placement = rng.integers(world.people, size=decisions), rng.integers(len(PLACEMENTS), size=decisions)
    return at, person, placement, rng.random(decisions) < world.anonymous


def _draw_emotions(cumulated: Floats, rng: np.random.Generator) -> Ints:
    drawn: Ints = np.minimum((rng.random((len(cumulated), 1)) > cumulated).sum(axis=1), len(EMOTIONS) - 1)
    return drawn

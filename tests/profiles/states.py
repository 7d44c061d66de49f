"""States of people for tests of derived views: by hand, by hypothesis, and whole groups by seed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from alphaads_pipelines.profiles.state import ProfileState, add_hour, add_topic, empty
from alphaads_pipelines.schema.tables import EMOTIONS

NOON_HOUR = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) // 3600


def counts(milli: int | None = 0, posts: int | None = None, **emotions: int) -> list[int]:
    """An hour's counts; `milli` is each post's sentiment in thousandths, None for unscored posts."""
    emotional = [emotions.get(name, 0) for name in EMOTIONS]
    number = sum(emotional) if posts is None else posts
    return [number, 0 if milli is None else number, 0 if milli is None else milli * number, *emotional]


def state_of(hours: Mapping[int, list[int]], topics: Mapping[str, Mapping[int, int]] | None = None) -> ProfileState:
    """A state with hours counted from `NOON_HOUR`; topics as topic -> hour -> mentions."""
    state = empty()
    for hour, counted in hours.items():
        add_hour(state, NOON_HOUR + hour, counted)
    for topic, mentions in (topics or {}).items():
        for hour, number in mentions.items():
            add_topic(state, topic, NOON_HOUR + hour, [number, -500 * number])
    return state


@st.composite
def lived_states(draw: st.DrawFn) -> ProfileState:
    """Hours over some weeks; topics in no more posts than there are."""
    moments = draw(st.dictionaries(st.integers(-400, 400), st.integers(0, 2**31), max_size=25))
    state = empty()
    for hour, seed in moments.items():
        dice = np.random.default_rng(seed)
        emotional = dice.integers(0, 4, len(EMOTIONS)) * (dice.random(len(EMOTIONS)) < 0.3)
        posts = max(1, int(emotional.sum()) + int(dice.integers(0, 2)))
        scored = int(dice.integers(0, posts + 1))
        add_hour(state, NOON_HOUR + hour, [posts, scored, int(dice.integers(-900, 900)) * scored, *map(int, emotional)])
        for topic in ("lumora", "n_4q7xk2m5"):
            if mentions := int(dice.integers(0, posts + 1)):
                add_topic(state, topic, NOON_HOUR + hour, [mentions, int(dice.integers(-900, 900)) * mentions])
    return state


def person(dice: np.random.Generator, hours_of_day: range, emotion: str, posts: int = 40) -> ProfileState:
    """A person who posts at these hours of the day, four of five times with this emotion."""
    state = empty()
    midnight = NOON_HOUR - NOON_HOUR % 24
    for _ in range(posts):
        hour = midnight - 24 * int(dice.integers(0, 28)) + int(dice.choice(hours_of_day))
        felt = emotion if dice.random() < 0.8 else str(dice.choice(EMOTIONS))
        milli = 400 if felt == "joy" else -300
        add_hour(state, hour, counts(milli + int(dice.integers(-100, 100)), **{felt: 1}))
    return state

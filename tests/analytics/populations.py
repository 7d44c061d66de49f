"""People for tests of aggregates: a crowd of any kind, with an oracle that knows everything about them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import strategies as st

from alphaads_pipelines.analytics.activity import Activity, lay_out
from alphaads_pipelines.profiles.segments import no_segments
from alphaads_pipelines.profiles.state import ProfileState, add_counts, add_hour, empty, encode
from alphaads_pipelines.schema.tables import EMOTIONS

PLATFORMS, LANGUAGES = ("x", "facebook", "generic"), ("en", "es", "de")
FIRST_DAY = 20_000
"""Days since the epoch; the crowd posts from here on."""


@dataclass
class Crowd:
    """States by subject, links between subjects, and who posted what since the crowd was last counted."""

    states: dict[str, ProfileState] = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=dict)

    def post(self, subject: str, day: int, hour: int, emotion: str | None, platform: str, language: str | None) -> None:
        """One post, scored if it has an emotion."""
        state = self.states.setdefault(subject, empty())
        felt = [int(emotion == name) for name in EMOTIONS]
        add_hour(state, day * 24 + hour, [1, int(emotion is not None), 250 if emotion == "joy" else -100, *felt])
        add_counts(state.platforms, {platform: 1})
        add_counts(state.languages, {language: 1} if language else {})

    def activity(self, until_day: int, since: Mapping[str, int] | None = None) -> Activity:
        """What `lay_out` makes of the crowd."""
        return lay_out(
            ((subject, encode(state)) for subject, state in self.states.items()),
            persons=self.persons,
            segmentation=no_segments(),
            since_days=since or {},
            until_day=until_day,
        )


def crowd(seed: int, people: int, posts: int, days: int) -> Crowd:
    """People of whom a few post most, in a few languages of which one is rare, some of them linked."""
    rng = random.Random(seed)
    made = Crowd()
    favourite = {number: (rng.choice(PLATFORMS), rng.choices(LANGUAGES, (8, 3, 1))[0]) for number in range(people)}
    for _ in range(posts):
        number = min(int(rng.expovariate(3 / people)), people - 1)
        platform, language = favourite[number]
        emotion = rng.choices((None, *EMOTIONS), (2, 1, 1, 1, 9, 4, 2, 1))[0]
        day = FIRST_DAY + min(int(rng.expovariate(2 / days)), days - 1)
        made.post(f"s{number}", day, rng.randrange(24), emotion, platform, rng.choice((language, language, None)))
    linked = [subject for subject in made.states if rng.random() < 0.1]
    made.persons = {subject: f"p{place // 2}" for place, subject in enumerate(linked)}
    return made


crowds = st.builds(
    crowd,
    seed=st.integers(0, 10_000),
    people=st.integers(1, 120),
    posts=st.integers(0, 400),
    days=st.integers(1, 40),
)

"""Emotional journeys: episodes, changes, transitions and volatility of a person's hours. Pure.

Belongs here: journeys as of any time. Does not: change detection (change_points.py), plots (journey_plot.py).

Later hours are ignored, so a past journey equals the one computed then. Neutral is an emotion; posts without one count
only as posts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import comb, sqrt

import msgspec
import numpy as np

from alphaads_pipelines.profiles.change_points import change_points
from alphaads_pipelines.profiles.mood import HORIZON_HOURS, leading_emotion
from alphaads_pipelines.profiles.state import (
    FIRST_EMOTION,
    MENTIONS,
    POSTS,
    TOPIC_SENTIMENT_SUM_MILLI,
    ProfileState,
)
from alphaads_pipelines.profiles.time_buckets import Hour, hour_at, hour_of, hour_view, mean_sentiment
from alphaads_pipelines.schema.tables import EMOTIONS

MOST_HOURS = 1_000
"""Latest hours with posts; bounds the cost of a response."""
SILENCE_HOURS = 72
"""Longest gap within a mood."""
PRECEDING_HOURS = 24
BASELINE_HOURS = 28 * 24
"""Window before a change, and the baseline before it, for topics."""
LEAST_MENTIONS = 2
CHANCE = 0.05
MOST_TOPICS = 5

_MILLI = 1000
_PRIOR = 1 / len(EMOTIONS)
_LATEST_HOUR = hour_of(datetime.max.replace(tzinfo=UTC)) - 1


class Episode(msgspec.Struct, frozen=True):
    """Consecutive hours with one mood, as in the profile then (mood.py).

    Hours without an emotion end it only after `SILENCE_HOURS`.

    Attributes
    ----------
    start_at, end_at: start of the first hour, end of the last.
    posts: in hours with an emotion. share: of the emotion, among posts with one.
    """

    emotion: str
    start_at: datetime
    end_at: datetime
    posts: int
    share: float
    sentiment_mean: float | None


class Precedent(msgspec.Struct, frozen=True):
    """A topic mentioned more often before a change than usual.

    Attributes
    ----------
    topic: as in Interest.
    mentions: posts in the window; expected: usual number for as many posts.
    p_value: one-sided, Fisher's exact test, with Bonferroni's correction for the window's topics.
    """

    topic: str
    mentions: int
    expected: float
    sentiment_mean: float
    p_value: float


class Change(msgspec.Struct, frozen=True):
    """A change in the mix of emotions at `changed_at`, the start of an hour.

    Attributes
    ----------
    before, after: most frequent emotions up to the neighbouring changes, possibly equal.
    preceded_by: topics that rose in the day up to this hour, by p-value.
    """

    changed_at: datetime
    before: str
    after: str
    sentiment_before: float | None
    sentiment_after: float | None
    preceded_by: list[Precedent]


class Transitions(msgspec.Struct, frozen=True):
    """Emotions leading the next hour after `emotion`, within `SILENCE_HOURS`.

    An hour's most frequent emotion leads; ties go to the previous leader, then by name.

    Attributes
    ----------
    hours: number of such hours. counts: by next emotion.
    probabilities: of every emotion: (count + 1/7) / (hours + 1), the mean under a symmetric Dirichlet prior worth one
        hour (Perks, Journal of the Institute of Actuaries 73(2), 1947).
    """

    emotion: str
    hours: int
    counts: dict[str, int]
    probabilities: dict[str, float]


class Journey(msgspec.Struct, frozen=True):
    """An emotional journey as of a time.

    Attributes
    ----------
    volatility: root mean squared difference between mean sentiments of successive hours within `SILENCE_HOURS` (von
        Neumann et al., Annals of Mathematical Statistics 12(2), 1941; as emotional instability: Jahng et al.,
        Psychological Methods 13(4), 2008). 0 to 2; None without two such hours.
    switching: share of transitions to another emotion; None without any.
    """

    as_of: datetime
    posts: int
    volatility: float | None
    switching: float | None
    episodes: list[Episode]
    changes: list[Change]
    transitions: list[Transitions]
    hours: list[Hour]


@dataclass(frozen=True, slots=True)
class _EmotionHour:
    """An hour with an emotion: counts, leading emotion, mood, and whether the previous one is near."""

    hour: int
    counts: list[int]
    emotion: str
    mood: str
    is_continued: bool


def journey_of(state: ProfileState, as_of: datetime) -> Journey:
    """The journey of a state up to the hour of an aware time."""
    until = min(hour_of(as_of), _LATEST_HOUR)
    hours = _hours(state, until)
    emotion_hours = list(_emotion_hours(hours))
    transitions = _transitions(emotion_hours)
    moves = sum(each.hours for each in transitions)
    stays = sum(each.counts.get(each.emotion, 0) for each in transitions)
    return Journey(
        as_of=as_of,
        posts=sum(counts[POSTS] for _, counts in hours),
        volatility=_volatility(hours),
        switching=1 - stays / moves if moves else None,
        episodes=[_episode(run) for run in _runs(emotion_hours)],
        changes=_changes(state, emotion_hours),
        transitions=transitions,
        hours=[hour_view(hour, counts) for hour, counts in hours],
    )


def volatility_of(state: ProfileState) -> float | None:
    """`Journey.volatility` over the whole state."""
    return _volatility(_hours(state, _LATEST_HOUR))


def _hours(state: ProfileState, until: int) -> list[tuple[int, list[int]]]:
    known = sorted((hour, counts) for hour, counts in state.hours.items() if hour <= until and counts[POSTS] > 0)
    return known[-MOST_HOURS:]


def _emotion_hours(hours: Sequence[tuple[int, list[int]]]) -> Iterator[_EmotionHour]:
    leading, last = "", None
    for place, (hour, counts) in enumerate(hours):
        if any(counts[FIRST_EMOTION:]):
            is_continued = last is not None and hour - last <= SILENCE_HOURS
            leading = _leading(counts, leading if is_continued else "")
            mood = leading_emotion(dict(hours[max(0, place - HORIZON_HOURS) : place + 1]), hour)
            yield _EmotionHour(hour, counts, leading, mood or leading, is_continued)
            last = hour


def _leading(counts: Sequence[int], before: str) -> str:
    ranked = zip(EMOTIONS, counts[FIRST_EMOTION:], strict=True)
    return max(ranked, key=lambda each: (each[1], each[0] == before))[0]


def _runs(emotion_hours: Sequence[_EmotionHour]) -> Iterator[list[_EmotionHour]]:
    run: list[_EmotionHour] = []
    for each in emotion_hours:
        if run and not (each.is_continued and each.mood == run[-1].mood):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _episode(run: Sequence[_EmotionHour]) -> Episode:
    summed = _sum(run)
    of_emotion = summed[FIRST_EMOTION + EMOTIONS.index(run[0].mood)]
    return Episode(
        emotion=run[0].mood,
        start_at=hour_at(run[0].hour),
        end_at=hour_at(run[-1].hour + 1),
        posts=summed[POSTS],
        share=of_emotion / sum(summed[FIRST_EMOTION:]),
        sentiment_mean=mean_sentiment(summed),
    )


def _transitions(emotion_hours: Sequence[_EmotionHour]) -> list[Transitions]:
    counted: dict[str, dict[str, int]] = {}
    for before, after in pairwise(emotion_hours):
        if after.is_continued:
            onward = counted.setdefault(before.emotion, {})
            onward[after.emotion] = onward.get(after.emotion, 0) + 1
    return [_transitions_from(emotion, dict(sorted(counts.items()))) for emotion, counts in sorted(counted.items())]


def _transitions_from(emotion: str, counts: dict[str, int]) -> Transitions:
    hours = sum(counts.values())
    probabilities = {name: (counts.get(name, 0) + _PRIOR) / (hours + 1) for name in EMOTIONS}
    return Transitions(emotion, hours, counts, probabilities)


def _volatility(hours: Sequence[tuple[int, list[int]]]) -> float | None:
    number, squares, last, before = 0, 0.0, None, 0.0
    for hour, counts in hours:
        if (mean := mean_sentiment(counts)) is not None:
            if last is not None and hour - last <= SILENCE_HOURS:
                number, squares = number + 1, squares + (mean - before) ** 2
            last, before = hour, mean
    return sqrt(squares / number) if number else None


def _changes(state: ProfileState, emotion_hours: Sequence[_EmotionHour]) -> list[Change]:
    if not emotion_hours:
        return []
    counts = np.array([each.counts[FIRST_EMOTION:] for each in emotion_hours], np.int64)
    places = [0, *change_points(counts), len(emotion_hours)]
    segments = [_sum(emotion_hours[start:end]) for start, end in pairwise(places)]
    return [
        Change(
            changed_at=hour_at(emotion_hours[place].hour),
            before=_leading(before, ""),
            after=_leading(after, ""),
            sentiment_before=mean_sentiment(before),
            sentiment_after=mean_sentiment(after),
            preceded_by=_precedents(state, emotion_hours[place].hour),
        )
        for place, (before, after) in zip(places[1:-1], pairwise(segments), strict=True)
    ]


def _precedents(state: ProfileState, changed: int) -> list[Precedent]:
    """The window ends with the hour of the change, within which the order is unknown."""
    window = range(changed - PRECEDING_HOURS, changed + 1)
    baseline = range(window.start - BASELINE_HOURS, window.start)
    posts = [sum(state.hours[hour][POSTS] for hour in state.hours if hour in part) for part in (window, baseline)]
    named = {topic: _mentions(hours, window, baseline) for topic, hours in sorted(state.topics.items())}
    risen = {topic: counts for topic, counts in named.items() if _has_risen(*counts[:2], *posts)}
    topics = sum(1 for counts in named.values() if counts[0])
    found = [_precedent(topic, counts, posts, topics) for topic, counts in risen.items()]
    sure = (each for each in found if each.p_value <= CHANCE)
    return sorted(sure, key=lambda each: (each.p_value, each.topic))[:MOST_TOPICS]


def _mentions(hours: Mapping[int, list[int]], window: range, baseline: range) -> tuple[int, int, int]:
    """Mentions in window and baseline; sentiments in the window, summed."""
    inside = [counts for hour, counts in hours.items() if hour in window]
    before = sum(counts[MENTIONS] for hour, counts in hours.items() if hour in baseline)
    mentions, milli = (sum(counts[place] for counts in inside) for place in (MENTIONS, TOPIC_SENTIMENT_SUM_MILLI))
    return mentions, before, milli


def _has_risen(mentions: int, before: int, posts: int, posts_before: int) -> bool:
    return mentions >= LEAST_MENTIONS and posts_before > 0 and mentions * posts_before > before * posts


def _precedent(topic: str, counts: tuple[int, int, int], posts: Sequence[int], topics: int) -> Precedent:
    mentions, before, milli = counts
    inside, outside = posts
    usual = before / outside * inside
    p_value = min(1.0, topics * _hypergeometric_tail(mentions, mentions + before, inside, inside + outside))
    return Precedent(topic, mentions, usual, milli / mentions / _MILLI, p_value)


def _hypergeometric_tail(mentions: int, all_mentions: int, posts: int, all_posts: int) -> float:
    """Exact, without importing scipy.stats, which takes seconds."""
    most = min(all_mentions, posts)
    ways = sum(comb(posts, each) * comb(all_posts - posts, all_mentions - each) for each in range(mentions, most + 1))
    return ways / comb(all_posts, all_mentions)


def _sum(emotion_hours: Sequence[_EmotionHour]) -> list[int]:
    return [sum(column) for column in zip(*(each.counts for each in emotion_hours), strict=True)]

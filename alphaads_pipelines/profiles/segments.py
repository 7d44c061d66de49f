"""Behavioural segments: people who post and feel alike, found by clustering. Pure; nothing is kept per person.

A fit is one document of centroids, in which nobody can be found: a centroid is the mean of LEAST_PEOPLE or more,
rounded. Whose segment is asked for is told from their state and that document alone.

What is looked at (FEATURES), over everything a state holds, so that it changes only when somebody posts:

=======================  =============================================================================
volume                   ln(1 + posts)
pace                     ln(1 + posts per day with posts)
night, morning,          share of posts by the hour of the day (UTC): 0-5, 6-11, 12-17, 18-23
afternoon, evening
weekend                  share of posts on Saturday and Sunday (UTC)
anger ... surprise       share of each emotion among posts that have one
sentiment                mean over scored posts, -1 to 1
volatility               journey.Journey.volatility
=======================  =============================================================================

What cannot be told of somebody counts as the average of everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log1p, nan
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from alphaads_pipelines.msgspec_types import decoder
from alphaads_pipelines.profiles.journey import volatility_of
from alphaads_pipelines.profiles.state import FIRST_EMOTION, POSTS, ProfileState
from alphaads_pipelines.profiles.time_buckets import EPOCH_WEEKDAY, mean_sentiment
from alphaads_pipelines.schema.tables import EMOTIONS

Floats = npt.NDArray[np.float64]

DOCUMENT = "behavioural_segments"
"""Name of the published document."""
FORMAT = 1
DAYTIMES = ("night", "morning", "afternoon", "evening")
FEATURES = ("volume", "pace", *DAYTIMES, "weekend", *EMOTIONS, "sentiment", "volatility")
LEAST_POSTS = 5
"""Of somebody with fewer posts no behaviour is told."""
LEAST_PEOPLE = 10
"""No segment has fewer people when it is fitted."""
MOST_SEGMENTS = 8
SAME = 0.5
"""A new centroid goes on as an old segment if it lies no further off: root of the mean squared difference over the
features, in standard deviations."""

_PLACES = 2
_TRAITS = 3
_CLEAR = 0.3


class Segment(msgspec.Struct, frozen=True):
    """One segment: its id, which outlives refits, and its mean features in standard deviations from everybody's."""

    segment_id: str
    centroid: list[float]


class Segmentation(msgspec.Struct, frozen=True):
    """A fit, as it is published.

    Attributes
    ----------
    features: names, in the order of all numbers.
    mean, scale: of each feature over everybody who was looked at; (value - mean) / scale is what centroids are made of.
    segments: by id; empty while too few people are known.
    next_number: of the next new segment; ids are never given twice.
    """

    format: int
    features: list[str]
    mean: list[float]
    scale: list[float]
    segments: list[Segment]
    next_number: int

    def scaled(self, features: Floats) -> Floats:
        """Features in standard deviations from the mean; what is unknown lies at the mean."""
        scaled: Floats = np.nan_to_num((features - np.array(self.mean)) / np.array(self.scale))
        return scaled

    @property
    def centroids(self) -> Floats:
        """Shape (segments, features), scaled."""
        return np.array([each.centroid for each in self.segments]).reshape(-1, len(self.features))


_to_segmentation = decoder(Segmentation)


@dataclass(frozen=True, slots=True)
class Fit:
    """A segmentation and what speaks for it.

    Parameters
    ----------
    sizes: segment id -> people, LEAST_PEOPLE or more each.
    silhouettes: mean silhouette of every number of segments that was tried and whose groups were large enough.
    """

    segmentation: Segmentation
    sizes: Mapping[str, int]
    silhouettes: Mapping[int, float]

    @property
    def silhouette(self) -> float | None:
        """Of the number of segments that was chosen; None for fewer than two."""
        return self.silhouettes.get(len(self.segmentation.segments))


def no_segments(next_number: int = 1) -> Segmentation:
    """What is known before the first fit."""
    return Segmentation(FORMAT, list(FEATURES), [0.0] * len(FEATURES), [1.0] * len(FEATURES), [], next_number)


def to_document(segmentation: Segmentation) -> dict[str, Any]:
    """The document that is published."""
    document: dict[str, Any] = msgspec.to_builtins(segmentation)
    return document


def from_document(document: Mapping[str, Any]) -> Segmentation:
    """What `to_document` gave; no segments where it is empty or of code that looked at something else, whose ids are
    not given again."""
    try:
        read = _to_segmentation(document)
    except msgspec.ValidationError:
        return no_segments(int(document.get("next_number", 1)))
    return read if (read.format, read.features) == (FORMAT, list(FEATURES)) else no_segments(read.next_number)


def features_of(state: ProfileState) -> Floats | None:
    """What is looked at, in the order of FEATURES, NaN where it cannot be told; None for fewer than LEAST_POSTS."""
    totals = [sum(column) for column in zip(*state.hours.values(), strict=True)]
    if not totals or totals[POSTS] < LEAST_POSTS:
        return None
    posts, emotional = totals[POSTS], sum(totals[FIRST_EMOTION:])
    by_hour = [(hour, counts[POSTS]) for hour, counts in state.hours.items()]
    days = len({hour // 24 for hour, number in by_hour if number})
    daytimes = [sum(number for hour, number in by_hour if hour % 24 // 6 == part) / posts for part in range(4)]
    weekend = sum(number for hour, number in by_hour if (hour // 24 + EPOCH_WEEKDAY) % 7 >= 5) / posts
    emotions = [count / emotional if emotional else nan for count in totals[FIRST_EMOTION:]]
    rest = [nan if each is None else each for each in (mean_sentiment(totals), volatility_of(state))]
    return np.array([log1p(posts), log1p(posts / days), *daytimes, weekend, *emotions, *rest])


def segment_of(state: ProfileState, segmentation: Segmentation) -> str | None:
    """The id of the nearest segment; None without segments, or of somebody with too few posts. Ties go to the first."""
    if not segmentation.segments:  # asked first: decisions ask this, and features take a walk over the whole state
        return None
    features = features_of(state)
    if features is None:
        return None
    distances = np.square(segmentation.centroids - segmentation.scaled(features)).sum(axis=1)
    return segmentation.segments[int(distances.argmin())].segment_id


def traits_of(segment: Segment, segmentation: Segmentation) -> list[tuple[str, float]]:
    """What sets a segment apart: features and how many standard deviations they are off, the furthest first."""
    named = zip(segmentation.features, segment.centroid, strict=True)
    clear = [each for each in named if abs(each[1]) >= _CLEAR]
    return sorted(clear, key=lambda each: (-abs(each[1]), each[0]))[:_TRAITS]


def fit_segments(features: Iterable[Floats], before: Segmentation, seed: int = 0) -> Fit:
    """Cluster people by k-means over standardised features, and name the clusters by the segments they go on as.

    k is the number from 2 to MOST_SEGMENTS with the greatest mean simplified silhouette, (b - a) / b for a person's
    distances a and b to the nearest and the next centroid (Vendramin et al., Statistical Analysis and Data Mining 3(4),
    2010), among those that leave no group of fewer than LEAST_PEOPLE; one segment where there is none, no segment for
    fewer people than that.

    Parameters
    ----------
    features: of everybody who may be looked at, each as `features_of` gives them, in an order of no meaning.
    before: the segmentation that this one goes on from.
    """
    people = np.array(list(features)).reshape(-1, len(FEATURES))
    if len(people) < LEAST_PEOPLE:
        return Fit(msgspec.structs.replace(before, segments=[]), {}, {})
    mean, scale = _scaler(people)
    bare = msgspec.structs.replace(before, mean=mean, scale=scale, segments=[])
    labels, silhouettes = _best_labels(bare.scaled(people), seed)
    known, sizes = np.unique(labels, return_counts=True)
    centroids = np.array([bare.scaled(people)[labels == label].mean(axis=0) for label in known])
    ids, next_number = _match_segments(centroids, before, bare)
    segments = [Segment(name, centroid.round(_PLACES).tolist()) for name, centroid in zip(ids, centroids, strict=True)]
    segments.sort(key=lambda each: int(each.segment_id[1:]))
    fitted = msgspec.structs.replace(bare, segments=segments, next_number=next_number)
    return Fit(fitted, dict(zip(ids, map(int, sizes), strict=True)), silhouettes)


def _scaler(people: Floats) -> tuple[list[float], list[float]]:
    known = np.isfinite(people)
    number = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, people, 0).sum(axis=0) / number
    scale = np.sqrt((np.where(known, people - mean, 0) ** 2).sum(axis=0) / number)
    mean, scale = mean.round(2 * _PLACES), scale.round(2 * _PLACES)
    return mean.tolist(), np.where(scale > 0, scale, 1.0).tolist()


def _best_labels(scaled: Floats, seed: int) -> tuple[npt.NDArray[np.int32], dict[int, float]]:
    from sklearn.cluster import KMeans

    best, silhouettes = np.zeros(len(scaled), np.int32), dict[int, float]()
    for k in range(2, min(MOST_SEGMENTS, len(np.unique(scaled, axis=0)), len(scaled) // LEAST_PEOPLE) + 1):
        fitted = KMeans(k, n_init=5, random_state=seed).fit(scaled)
        if np.bincount(fitted.labels_, minlength=k).min() < LEAST_PEOPLE:
            continue
        nearest, other = np.sort(fitted.transform(scaled), axis=1)[:, :2].T
        silhouette = float(((other - nearest) / np.maximum(other, np.finfo(float).tiny)).mean())
        if silhouette > max(silhouettes.values(), default=0.0):
            best = fitted.labels_
        silhouettes[k] = silhouette
    return best, silhouettes


def _match_segments(centroids: Floats, before: Segmentation, now: Segmentation) -> tuple[list[str], int]:
    """Old ids by the Hungarian algorithm (Kuhn, Naval Research Logistics 2, 1955), new ones where nothing old is near.

    Old centroids are brought to the new scale. A pair beyond SAME costs as much as any other such pair, so that none
    is preferred for being hopeless by less.
    """
    from scipy.optimize import linear_sum_assignment

    old = before.centroids * np.array(before.scale) + np.array(before.mean)
    distances = np.sqrt(np.square(centroids[:, None, :] - now.scaled(old)[None, :, :]).mean(axis=2))
    pairs = zip(*linear_sum_assignment(np.where(distances <= SAME, distances, 2 * SAME * len(centroids))), strict=True)
    kept = {int(new): before.segments[int(held)].segment_id for new, held in pairs if distances[new, held] <= SAME}
    fresh = iter(range(before.next_number, before.next_number + len(centroids)))
    ids = [kept[place] if place in kept else f"s{next(fresh)}" for place in range(len(centroids))]
    return ids, before.next_number + len(centroids) - len(kept)

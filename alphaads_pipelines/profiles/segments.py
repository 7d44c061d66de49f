"""Behavioural segments by clustering. Pure; nothing is stored per person.

A fit is a document of rounded centroids, each the mean of LEAST_PEOPLE or more, so it identifies no person. State and
document determine the segment. FEATURES cover the whole state, so segments change only with posts:

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

Unknown features count as the mean.
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
FORMAT = 1
DAYTIMES = ("night", "morning", "afternoon", "evening")
FEATURES = ("volume", "pace", *DAYTIMES, "weekend", *EMOTIONS, "sentiment", "volatility")
LEAST_POSTS = 5
"""Fewer posts show no behaviour."""
LEAST_PEOPLE = 10
"""Minimum size of a fitted segment."""
MOST_SEGMENTS = 8
SAME = 0.5
"""Within this distance a centroid continues an old segment: root mean squared difference in standard deviations."""

_PLACES = 2
_TRAITS = 3
_CLEAR = 0.3


class Segment(msgspec.Struct, frozen=True):
    """A segment: stable id, and mean features in standard deviations."""

    segment_id: str
    centroid: list[float]


class Segmentation(msgspec.Struct, frozen=True):
    """A published fit.

    Attributes
    ----------
    features: names, in order.
    mean, scale: centroids are of (value - mean) / scale.
    segments: by id; empty with too few people.
    next_number: of the next new segment; ids are never reused.
    """

    format: int
    features: list[str]
    mean: list[float]
    scale: list[float]
    segments: list[Segment]
    next_number: int

    def scaled(self, features: Floats) -> Floats:
        """Standardise features; unknown ones become the mean."""
        scaled: Floats = np.nan_to_num((features - np.array(self.mean)) / np.array(self.scale))
        return scaled

    @property
    def centroids(self) -> Floats:
        """Shape (segments, features), scaled."""
        return np.array([each.centroid for each in self.segments]).reshape(-1, len(self.features))


_to_segmentation = decoder(Segmentation)


@dataclass(frozen=True, slots=True)
class Fit:
    """A segmentation and its quality.

    Parameters
    ----------
    sizes: people by segment, LEAST_PEOPLE or more.
    silhouettes: mean silhouette by number of segments, if all were large enough.
    """

    segmentation: Segmentation
    sizes: Mapping[str, int]
    silhouettes: Mapping[int, float]

    @property
    def silhouette(self) -> float | None:
        """Of the chosen number; None below two."""
        return self.silhouettes.get(len(self.segmentation.segments))


def no_segments(next_number: int = 1) -> Segmentation:
    """The segmentation before the first fit."""
    return Segmentation(FORMAT, list(FEATURES), [0.0] * len(FEATURES), [1.0] * len(FEATURES), [], next_number)


def to_document(segmentation: Segmentation) -> dict[str, Any]:
    """The document to publish."""
    document: dict[str, Any] = msgspec.to_builtins(segmentation)
    return document


def from_document(document: Mapping[str, Any]) -> Segmentation:
    """Parse a document; empty, or with other features, it has no segments. Ids are never reused."""
    try:
        read = _to_segmentation(document)
    except msgspec.ValidationError:
        return no_segments(int(document.get("next_number", 1)))
    return read if (read.format, read.features) == (FORMAT, list(FEATURES)) else no_segments(read.next_number)


def features_of(state: ProfileState) -> Floats | None:
    """FEATURES of a state, NaN if unknown; None below LEAST_POSTS."""
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
    """The nearest segment, ties to the first; None without segments or below LEAST_POSTS."""
    if not segmentation.segments:  # first: features need a pass over the state, in each decision
        return None
    features = features_of(state)
    if features is None:
        return None
    distances = np.square(segmentation.centroids - segmentation.scaled(features)).sum(axis=1)
    return segmentation.segments[int(distances.argmin())].segment_id


def traits_of(segment: Segment, segmentation: Segmentation) -> list[tuple[str, float]]:
    """The most deviating features, in standard deviations."""
    named = zip(segmentation.features, segment.centroid, strict=True)
    clear = [each for each in named if abs(each[1]) >= _CLEAR]
    return sorted(clear, key=lambda each: (-abs(each[1]), each[0]))[:_TRAITS]


def fit_segments(features: Iterable[Floats], before: Segmentation, seed: int = 0) -> Fit:
    """Cluster people by k-means over standardised features, keeping the ids of similar segments in `before`.

    k from 2 to MOST_SEGMENTS maximises the mean simplified silhouette, (b - a) / b for distances a and b to the nearest
    and next centroid (Vendramin et al., Statistical Analysis and Data Mining 3(4), 2010), without groups below
    LEAST_PEOPLE; else one segment or none. Independent of people's order.
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
    """Assign old ids by the Hungarian algorithm (Kuhn, Naval Research Logistics 2, 1955), else new ones.

    Pairs beyond SAME all cost the same, so that no hopeless pair is preferred.
    """
    from scipy.optimize import linear_sum_assignment

    old = before.centroids * np.array(before.scale) + np.array(before.mean)
    distances = np.sqrt(np.square(centroids[:, None, :] - now.scaled(old)[None, :, :]).mean(axis=2))
    pairs = zip(*linear_sum_assignment(np.where(distances <= SAME, distances, 2 * SAME * len(centroids))), strict=True)
    kept = {int(new): before.segments[int(held)].segment_id for new, held in pairs if distances[new, held] <= SAME}
    fresh = iter(range(before.next_number, before.next_number + len(centroids)))
    ids = [kept[place] if place in kept else f"s{next(fresh)}" for place in range(len(centroids))]
    return ids, before.next_number + len(centroids) - len(kept)

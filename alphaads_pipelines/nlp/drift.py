"""Drift of the posts' labels, by the population stability index (PSI).

Each hour of the newest day is compared with the same hour of the days before, and the whole day with all of them. Hours
are those of posting, so archives and catch-up runs do not look like drift. Only scores of one model are compared.

PSI = sum of (p - q) ln(p / q). Without change it is about (1/n + 1/m) times a chi-square variable with k - 1 degrees of
freedom, for k labels in samples of n and m posts (Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020).
The threshold is the one-in-a-million quantile of chance, but at least `MATERIAL`, since among 50,000 posts every
difference is significant. The customary 0.1 and 0.25 ignore sample size: at 50 posts they flag only noise, and they
miss a shift of 10 points between two common labels (index 0.04 or more), which trips every hour of 5,000 posts here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.schema.tables import POST_SCORES
from alphaads_pipelines.stores.lake.base import Lake

Floats = npt.NDArray[np.float64]

TASKS = tuple(
    task
    for task in ("language", "sentiment", "emotion", "tweet_emotion", "intent", "offensive")
    if task in POST_SCORES.column_names
)
DOCUMENT = "drift"

REFERENCE_DAYS = 7
LEAST_POSTS = 50
"""Least posts on each side of a comparison."""
LEAST_EXPECTED = 20
"""Labels with fewer expected posts are pooled: their index has a long tail."""
MATERIAL = 0.02
CHANCE = 1e-6

_RECENT_BATCHES = 50
_NOTHING = "(none)"
_Z = NormalDist().inv_cdf(1 - CHANCE)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One comparison.

    Parameters
    ----------
    hour: its start; None for the whole day.
    model: name and version, the same on both sides.
    posts, reference: posts on each side.
    moved: the label that shifted most, with its old and new share.
    """

    task: str
    hour: datetime | None
    model: str
    posts: int
    reference: int
    psi: float
    threshold: float
    moved: str

    @property
    def drifted(self) -> bool:
        """Whether the index exceeds its threshold."""
        return self.psi > self.threshold


@dataclass(frozen=True, slots=True)
class ModelChange:
    """From `hour` on another model scores most posts."""

    hour: datetime
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Drift:
    """Result of a drift check.

    Parameters
    ----------
    judged: by task and hour, the whole day last.
    not_judged: hours with too few posts on either side, over all tasks.
    changes: of the model within the window.
    """

    judged: tuple[Judgement, ...]
    not_judged: int
    changes: tuple[ModelChange, ...]

    @property
    def drifted(self) -> tuple[Judgement, ...]:
        """Comparisons that found drift, strongest first."""
        found = (each for each in self.judged if each.drifted)
        return tuple(sorted(found, key=lambda each: each.threshold / each.psi))

    @property
    def strongest(self) -> Mapping[str, float]:
        """Task -> its highest ratio of index to threshold; above 1 is drift."""
        ratios: dict[str, float] = {}
        for each in self.judged:
            ratios[each.task] = max(ratios.get(each.task, 0.0), each.psi / each.threshold)
        return ratios


def find_drift(lake: Lake, ledger: Ledger, now: datetime) -> Drift:
    """Compare the newest day in the lake with earlier days. Raises StoreUnavailable."""
    newest = ledger.batches(state="committed", limit=1)
    until = newest_hour(lake, newest[0].seq, now) if newest else None
    return Drift((), 0, ()) if until is None else judge(read_counts(lake, until), until)


def newest_hour(lake: Lake, newest_batch: int, now: datetime) -> datetime | None:
    """End of the hour of the newest post in the last few batches; None without posts.

    Not the current time: demos and imported archives end in the past.
    """
    recent = lake.scan(POST_SCORES).filter(pl.col("batch_seq") > newest_batch - _RECENT_BATCHES)
    created = recent.filter(pl.col("created_at") <= now).select(pl.col("created_at").max()).collect().item()
    return None if created is None else created.replace(minute=0, second=0, microsecond=0) + _HOUR


def read_counts(lake: Lake, until: datetime) -> pl.DataFrame:
    """Count posts in the window ending at `until`, reading only its date partitions.

    Returns
    -------
    Columns hour, model, task, label, posts.
    """
    start = until - timedelta(days=1 + REFERENCE_DAYS)
    window = lake.scan(POST_SCORES).filter(
        pl.col("event_date").is_between(start.date(), until.date()),
        pl.col("created_at").is_between(start, until, closed="left"),
        pl.col("version") == 0,
    )
    hour = pl.col("created_at").dt.truncate("1h").alias("hour")
    model = pl.concat_str("model_name", "model_version", separator=" ").alias("model")
    counts = [
        window.group_by(hour, model, pl.col(task).fill_null(_NOTHING).alias("label"))
        .agg(pl.len().cast(pl.Int64).alias("posts"))
        .select("hour", "model", pl.lit(task).alias("task"), "label", "posts")
        for task in TASKS
    ]
    return pl.concat(counts).collect(engine="streaming")


def judge(counts: pl.DataFrame, until: datetime) -> Drift:
    """Compare the last day before `until` with earlier days; `counts` are from `read_counts`."""
    judged: list[Judgement] = []
    not_judged = 0
    for (task, model), part in sorted(counts.partition_by("task", "model", as_dict=True).items()):
        if part["label"].unique().to_list() == [_NOTHING]:
            continue
        sides = _Sides.of(part, until - timedelta(days=1))
        for hour, places in sides.comparisons():
            found = _compare(sides, places, task=str(task), hour=hour, model=str(model))
            if found is None:
                not_judged += hour is not None
            else:
                judged.append(found)
    return Drift(tuple(judged), not_judged, tuple(_changes(counts)))


@dataclass(frozen=True, slots=True)
class _Sides:
    labels: Sequence[str]
    starts: Mapping[int, datetime]
    recent: Floats
    reference: Floats

    @classmethod
    def of(cls, part: pl.DataFrame, day_start: datetime) -> _Sides:
        labels = sorted(part["label"].unique())
        place = {label: index for index, label in enumerate(labels)}
        recent, reference = np.zeros((24, len(labels))), np.zeros((24, len(labels)))
        starts: dict[int, datetime] = {}
        for hour, label, posts in part.select("hour", "label", "posts").iter_rows():
            is_recent = hour >= day_start
            (recent if is_recent else reference)[hour.hour, place[label]] += posts
            if is_recent:
                starts[hour.hour] = hour
        return cls(labels, starts, recent, reference)

    def comparisons(self) -> Iterator[tuple[datetime | None, list[int]]]:
        """Compare each hour of the newest day, then the day over its comparable hours."""
        for place, start in sorted(self.starts.items(), key=lambda each: each[1]):
            yield start, [place]
        both = (self.recent.sum(1) > 0) & (self.reference.sum(1) > 0)
        yield None, [int(place) for place in np.flatnonzero(both)]

    def sums(self, places: list[int]) -> tuple[Floats, Floats]:
        recent, reference = self.recent[places], self.reference[places]
        posts, held = recent.sum(1), reference.sum(1)
        if not places or not held.all():
            return recent.sum(0), np.zeros(len(self.labels))
        shares = (posts[:, None] * reference / held[:, None]).sum(0) / posts.sum()
        return recent.sum(0), shares * (posts.sum() ** 2 / (posts**2 / held).sum())


def _compare(sides: _Sides, places: list[int], *, task: str, hour: datetime | None, model: str) -> Judgement | None:
    recent, reference = sides.sums(places)
    if min(recent.sum(), reference.sum()) < LEAST_POSTS:
        return None
    labels, one, other = together(sides.labels, recent, reference)
    n, m = one.sum(), other.sum()
    if len(labels) < 2:
        return None
    terms = _terms(one, other)
    most = int(terms.argmax())
    moved = f"{labels[most]} {other[most] / m:.1%} → {one[most] / n:.1%}"
    limit = threshold(n, m, len(labels))
    return Judgement(task, hour, model, round(n), round(m), float(terms.sum()), limit, moved)


def population_stability_index(one: Floats, other: Floats) -> float:
    """PSI of two samples' counts of the same labels: symmetric, 0 for equal shares."""
    return float(_terms(one, other).sum())


def _terms(one: Floats, other: Floats) -> Floats:
    """One pseudo-post per label is added to both samples, spread by their pooled shares."""
    both = one + other
    shares = both / both.sum()
    p, q = ((each + len(both) * shares) / (each.sum() + len(both)) for each in (one, other))
    there = both > 0
    terms = np.zeros(len(both))
    terms[there] = (p[there] - q[there]) * np.log(p[there] / q[there])
    return np.maximum(terms, 0.0)


def threshold(posts: float, reference: float, labels: int) -> float:
    """Least index that counts as drift."""
    degrees = labels - 1
    # Wilson and Hilferty's chi-square quantile; in this tail it errs upwards, by 15 % at one degree, 4 % at six.
    quantile = degrees * (1 - 2 / (9 * degrees) + _Z * (2 / (9 * degrees)) ** 0.5) ** 3
    return float(max(MATERIAL, quantile * (1 / posts + 1 / reference)))


def together(labels: Sequence[str], one: Floats, other: Floats) -> tuple[list[str], Floats, Floats]:
    """Pool the rarest labels of both samples until each has enough expected posts."""
    both = one + other
    expected = both * (min(one.sum(), other.sum()) / both.sum())
    order = sorted(np.flatnonzero(both).tolist(), key=lambda each: (expected[each], labels[each]))
    rest: list[int] = []
    while order and (expected[order[0]] < LEAST_EXPECTED or (rest and expected[rest].sum() < LEAST_EXPECTED)):
        rest.append(order.pop(0))
    groups = [*([rest] if rest else []), *([each] for each in order)]
    names = [labels[group[0]] if len(group) == 1 else "others" for group in groups]
    return names, _summed(one, groups), _summed(other, groups)


def _summed(counts: Floats, groups: Sequence[list[int]]) -> Floats:
    return np.array([counts[group].sum() for group in groups])


def _changes(counts: pl.DataFrame) -> Iterator[ModelChange]:
    scored: dict[datetime, dict[str, int]] = defaultdict(dict)
    posts = counts.filter(pl.col("task") == TASKS[0]).group_by("hour", "model").agg(pl.col("posts").sum())
    for hour, model, number in posts.sort("hour", "model").iter_rows():
        scored[hour][model] = number
    before = None
    for hour, models in scored.items():
        leading = max(models, key=models.__getitem__)
        if before not in (None, leading):
            yield ModelChange(hour, str(before), leading)
        before = leading

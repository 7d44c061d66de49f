"""The release rule of aggregates: sums over immutable groups of a minimum number of people.

**Method: partitioning into atomic populations** (Chin and Ozsoyoglu, ACM TODS 6(1), 1981; in the survey of Adam and
Wortmann, ACM Computing Surveys 21(4), 1989, section 3.4). A minimum size per answer does not suffice: two answers that
differ by one person disclose that person (Denning, Denning and Schwartz, ACM TODS 4(1), 1979). So people and days are
partitioned as finely as possible into groups of `least` people or more, and answers use only the groups' sums:

1. A person's activity in an hour enters one group at most: within a release groups are disjoint in people or in days;
   across releases, the last day counted is stored per subject.
2. Each sum covers `least` contributing people or more. Smaller bins (of emotion, hour or weekday) are pooled; if the
   pool is small, the smallest released bin joins it (complementary suppression).
3. Groups are immutable: late posts, edits, consent, erasure or a newer model change none.
4. Answers add up whole groups, so any linear combination of answers covers `least` people or more, or none.
5. People are not summed over days. Over several periods their number is the largest of any one, rounded down to a
   multiple of `least`.

Costs: unusual people are grouped more coarsely (dimensions are dropped from the right of DIMENSIONS), fewer than
`least` left over in a period are excluded, and data later than its day's release is not counted. A whole group's
behaviour is not hidden, nor that one person wrote most of its posts; noise.py does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from alphaads_pipelines.analytics.activity import DIMENSIONS, Activity
from alphaads_pipelines.profiles.time_buckets import EPOCH_WEEKDAY, day_at
from alphaads_pipelines.schema.tables import EMOTIONS

ROOMY = 10
"""Target size of a period in multiples of `least`, so that other dimensions can split it."""
LONGEST_DAYS = 7
"""A period with enough people is not extended beyond this."""

_PLACES = 3
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Release:
    """New groups and the people counted in them.

    Parameters
    ----------
    groups: rows of `released_groups`, without release_seq, group_id and released_at.
    subjects: ids counted; their activity before the release's day is not counted again.
    members: group (index in `groups`), person, day; for verification, never released.
    """

    groups: list[dict[str, Any]]
    subjects: list[str]
    members: pl.DataFrame


def make_release(activity: Activity, least: int) -> Release:
    """Partition activity into groups of `least` people or more (2 or more); the remainder is dropped."""
    days = _periods(activity.hours.select("day", "person").unique(), least)
    rows = activity.hours.join(days, on="day")
    active = rows.select("period", "person").unique().join(activity.people, on="person")
    groups, members = _classes(active.sort("period", "person"), least)
    counted = rows.join(members, on=("period", "person"))
    sums = _sums(counted, least)
    bins = {name: _bins(counted, name, least) for name in ("emotions", "hours", "weekdays")}
    spans = days.group_by("period").agg(pl.col("day").min().alias("first"), pl.col("day").max().alias("last"))
    described = groups.join(spans, on="period").join(sums, on="group").sort("group")
    subjects = [activity.subjects[number] for number in sorted(set(counted["subject"].to_list()))]
    return Release(
        [_group(row, bins) for row in described.iter_rows(named=True)],
        subjects,
        counted.select("group", "person", "day").unique(),
    )


def _periods(active: pl.DataFrame, least: int) -> pl.DataFrame:
    """Map day -> period: runs of days from the newest back, so that a few late posts do not extend the newest period.

    Each has `least` people or more; remaining oldest days have no period.
    """
    by_day = active.sort("day", descending=True).group_by("day", maintain_order=True).agg("person")
    found: list[tuple[int, int]] = []
    run: list[int] = []
    people: set[int] = set()

    def close() -> None:
        if len(people) >= least:
            found.extend((day, run[0]) for day in run)
            run.clear()
            people.clear()

    for day, here in by_day.iter_rows():
        if run and run[0] - day >= LONGEST_DAYS:
            close()
        run.append(day)
        people.update(here)
        if len(people) >= ROOMY * least:
            close()
    close()
    return pl.DataFrame(found, schema={"day": pl.Int64, "period": pl.Int64}, orient="row")


def _classes(active: pl.DataFrame, least: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Partition each period's people by all dimensions; those in too small groups by one fewer, and so on.

    Returns
    -------
    group, period, DIMENSIONS; and period, person, group.
    """
    left, found = active, []
    for level in range(len(DIMENSIONS), -1, -1):
        given_up = [pl.lit(None, pl.String).alias(name) for name in DIMENSIONS[level:]]
        keyed = left.with_columns(given_up).with_columns(size=pl.len().over("period", *DIMENSIONS))
        found.append(keyed.filter(pl.col("size") >= least).with_columns(level=pl.lit(level)))
        left = keyed.filter(pl.col("size") < least).drop("size")
    together = pl.concat(found).group_by("period", "level", *DIMENSIONS, maintain_order=True).agg("person")
    numbered = together.with_row_index("group").with_columns(pl.col("group").cast(pl.Int64))
    return numbered.drop("person", "level"), numbered.select("period", "group", "person").explode("person")


def _sums(counted: pl.DataFrame, least: int) -> pl.DataFrame:
    scored = pl.col("person").filter(pl.col("scored") > 0).n_unique()
    mean = (pl.col("sentiment_milli").sum() / pl.col("scored").sum() / 1000).round(_PLACES)
    return counted.group_by("group").agg(
        pl.col("person").n_unique().alias("people"),
        pl.col("posts").sum(),
        pl.when(scored >= least).then(mean).alias("sentiment_mean"),
    )


def _bins(counted: pl.DataFrame, name: str, least: int) -> Mapping[int, dict[str, int]]:
    """Map group -> bin -> posts, for releasable bins (point 2 of the rule)."""
    parts = _parts(counted, name).filter(pl.col("posts") > 0)
    bins = parts.group_by("group", "bin").agg(pl.col("posts").sum(), pl.col("person").n_unique().alias("people"))
    small = bins.filter(pl.col("people") < least)
    pools = parts.join(small, on=("group", "bin"), how="semi").group_by("group").agg(pl.col("person").n_unique())
    short = pools.filter(pl.col("person") < least)["group"].to_list()
    told = bins.filter(pl.col("people") >= least).sort("group", "people", "bin")
    place = pl.int_range(pl.len()).over("group")
    told = told.filter((place > 0) | ~pl.col("group").is_in(short))
    result: dict[int, dict[str, int]] = {}
    for group, bin_, posts in told.select("group", "bin", "posts").sort("group", "bin").iter_rows():
        if bin_ != _NONE:
            result.setdefault(group, {})[bin_] = posts
    return result


def _parts(counted: pl.DataFrame, name: str) -> pl.DataFrame:
    if name == "emotions":
        rest = (pl.col("posts") - pl.sum_horizontal(EMOTIONS)).alias(_NONE)
        wide = counted.select("group", "person", *EMOTIONS, rest)
        return wide.unpivot(index=["group", "person"], variable_name="bin", value_name="posts")
    bin_ = pl.col("hour") if name == "hours" else (pl.col("day") + EPOCH_WEEKDAY) % 7
    return counted.select("group", "person", bin_.cast(pl.String).alias("bin"), "posts")


def _group(row: Mapping[str, Any], bins: Mapping[str, Mapping[int, dict[str, int]]]) -> dict[str, Any]:
    told = {name: each.get(row["group"], {}) for name, each in bins.items()}
    span = {"from_day": day_at(row["first"]), "until_day": day_at(row["last"] + 1)}
    copied = {name: row[name] for name in (*DIMENSIONS, "people", "posts", "sentiment_mean")}
    return {**span, **copied, **told}

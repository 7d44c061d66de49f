"""The rule by which aggregates leave: as sums over released groups, each of a least number of people, made once.

**Method: partitioning into atomic populations** (Chin and Ozsoyoglu, Statistical database design, ACM TODS 6(1), 1981;
Security in partitioned dynamic statistical databases, IEEE COMPSAC 1979; in the survey of Adam and Wortmann, ACM
Computing Surveys 21(4), 1989, section 3.4). A least size of each answer alone protects nobody: two answers that differ
by one person tell of that person (Denning, Denning and Schwartz, The tracker, ACM TODS 4(1), 1979). So answers are not
judged one by one. People and days are cut into groups of `least` people or more, as finely as that allows, and
everything that ever leaves is a function of the groups' sums.

Why that holds, for any number of answers, to any number of callers who put them together, over any time:

1. What a person did in an hour goes into the sums of one group at most. Within a release groups are disjoint in people
   or in days; over releases, each subject is remembered with the day up to which they were counted.
2. Each sum of a group is over `least` people or more who have a part in it. A bin (an emotion, an hour, a weekday)
   with fewer is not told but pooled with the other small ones; if the pool itself would be small, the smallest told
   bin joins it (complementary suppression), so that subtracting what is told from the total gives such a sum, too.
3. A group is never changed and never made again. Late posts, edits, new consent, erasure, a newer model: none changes
   a group, so an answer before and one after do not differ by them. They differ by whole groups that are new.
4. An answer takes whole groups or leaves them, and adds. So what any two answers, or any linear combination of them,
   differ by is a sum over whole groups: over `least` people or more, or over nobody.
5. People are not summed over days (somebody who posted on two days is one), so their number over several periods is
   told as the greatest of any one period, rounded down to a multiple of `least`: it is a function of the groups, too.

What it costs: who is too unlike the others is grouped more coarsely (dimensions are given up from the right of
DIMENSIONS), fewer than `least` at the end of a period are left out, and what comes later than its day's release is not
counted. It does not hide what a group does together, nor that one person wrote most of a group's posts; noise does.
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
"""A period holds so many times the least number of people, if it can: else it could hardly be cut by anything else."""
LONGEST_DAYS = 7
"""A period with enough people gets no longer than this."""

_PLACES = 3
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Release:
    """New groups, and whose activity is in them.

    Parameters
    ----------
    groups: rows of `released_groups`, without release_seq, group_id and released_at.
    subjects: ids of those who were counted; nothing they did before the release's day is counted again.
    members: of each group (its place in `groups`), who is in it: group, person, day. For proof; it does not leave.
    """

    groups: list[dict[str, Any]]
    subjects: list[str]
    members: pl.DataFrame


def make_release(activity: Activity, least: int) -> Release:
    """Cut activity into groups of `least` people or more (2 or more); what fits into none is left out."""
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
    """day -> period: runs of days from the newest back, so that a few late posts do not stretch the newest period.

    Each has `least` people or more; days at the far end that do not come to so many have no period.
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
    """Cut each period's people by all dimensions; who is among too few is cut by one dimension less, and so on.

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
    """group -> bin -> posts, of the bins that may be told (point 2 of the rule)."""
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
    """group, person, bin (text), posts: the same posts, parted by emotion, hour or weekday."""
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

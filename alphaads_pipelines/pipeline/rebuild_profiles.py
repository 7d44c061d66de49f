"""Rebuild the profiles of everyone in a replayed batch.

The live profile already includes the batch's posts, so a replay cannot add them. Everyone in the batch, before or now,
is folded from scratch over all their scores and entities, batch by batch, which gives every version of their profile.
Only changed slices and the batch's own are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.pipeline.reports import Written
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.state import empty, encode
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, POST_ENTITIES, POST_SCORES
from alphaads_pipelines.stores.lake.base import Lake, Slice, empty_frame

_SUBJECT_TABLES = (CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS)


@dataclass(frozen=True, slots=True)
class RebuiltProfiles:
    """Outcome of a rebuild.

    Parameters
    ----------
    current: subject_id, shard and newest state of everyone in the batch; the empty state if no post is left.
    tables: written, over all slices.
    subjects: people in the batch.
    mended: later batches whose profiles changed.
    """

    current: pl.DataFrame
    tables: dict[str, Written]
    subjects: int
    mended: int


def rebuild_profiles(
    lake: Lake, batch: Batch, scores: pl.DataFrame, replayed_later: frozenset[int], check: Callable[[], None]
) -> RebuiltProfiles:
    """Write the profiles that follow from the scores in the lake.

    Parameters
    ----------
    scores: the batch's current rows of `post_scores`.
    replayed_later: later batches of the same run; their slices are left to them.
    check: raises Fenced; called before each write.
    """
    subjects = sorted({*scores["subject_id"], *_previous_subjects(lake, batch)})
    return rebuild_people(lake, batch, subjects, replayed_later, check)


def rebuild_people(
    lake: Lake, batch: Batch, subjects: list[str], replayed_later: frozenset[int], check: Callable[[], None]
) -> RebuiltProfiles:
    """Rebuild some people of the batch; other people's rows stay, even in its own slice."""
    history = _fold_history(
        _rows_of(lake, POST_SCORES, batch.shards, subjects), _rows_of(lake, POST_ENTITIES, batch.shards, subjects)
    )
    tables: dict[str, Written] = {}
    mended: set[int] = set()
    without_posts = empty_frame(CUSTOMER_PROFILES)
    for table in _SUBJECT_TABLES:
        existing = _rows_of(lake, table, batch.shards, subjects)
        if table is CUSTOMER_PROFILES:
            without_posts = existing.filter(~_is_one_of(history[table.name]["subject_id"]))
        changed = _changed(table, history[table.name], existing) - replayed_later - {batch.seq}
        rows, version = 0, None
        for seq in (*sorted(changed), batch.seq):  # own slice last: a retry finds its people there
            new = history[table.name].filter(pl.col("batch_seq") == seq)
            version = _write(lake, table, Slice(seq, (), batch.shards, again=True), new, subjects, check)
            rows += new.height
        tables[table.name] = Written(rows, version)
        mended |= changed
    return RebuiltProfiles(_current(history[CUSTOMER_PROFILES.name], without_posts), tables, len(subjects), len(mended))


def _previous_subjects(lake: Lake, batch: Batch) -> pl.Series:
    return lake.read_slice(CUSTOMER_PROFILES, batch.slice, ["subject_id"])["subject_id"]


def _rows_of(lake: Lake, table: Table, shards: tuple[int, ...], subjects: Iterable[str]) -> pl.DataFrame:
    return lake.scan(table).filter(pl.col("shard").is_in(list(shards)), _is_one_of(subjects)).collect()


def _fold_history(scores: pl.DataFrame, entities: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """Fold every version of profiles and emotional journeys from scratch."""
    states: dict[str, bytes] = {}
    folded: dict[str, list[pl.DataFrame]] = {table.name: [empty_frame(table)] for table in _SUBJECT_TABLES}
    named = entities.partition_by("batch_seq", as_dict=True)
    for (seq,), part in sorted(scores.partition_by("batch_seq", as_dict=True).items()):
        touched = part["subject_id"].unique()
        prior = {subject: states[subject] for subject in touched if subject in states}
        profiles, journeys = fold_profiles(prior, part, int(seq), named.get((seq,)))
        states.update(zip(profiles["subject_id"], profiles["state"], strict=True))
        folded[CUSTOMER_PROFILES.name].append(profiles)
        folded[EMOTIONAL_JOURNEYS.name].append(journeys)
    return {name: pl.concat(frames) for name, frames in folded.items()}


def _changed(table: Table, new: pl.DataFrame, old: pl.DataFrame) -> set[int]:
    """Batches whose rows differ."""
    columns = list(table.column_names)
    both = pl.concat([new.select(columns), old.select(columns)])
    once = both.filter(~both.is_duplicated())
    return set(once["batch_seq"])


def _write(
    lake: Lake, table: Table, where: Slice, rows: pl.DataFrame, subjects: list[str], check: Callable[[], None]
) -> int:
    """Replace these subjects' rows of a slice only."""
    others = lake.read_slice(table, where).filter(~_is_one_of(subjects))
    whole = pl.concat([others.select(table.column_names), rows.select(table.column_names)])
    return lake.replace_slice(table, whole, where, check)


def _current(profiles: pl.DataFrame, without_posts: pl.DataFrame) -> pl.DataFrame:
    emptied = without_posts.with_columns(state=pl.lit(encode(empty()), pl.Binary))
    newest = profiles.sort("batch_seq").unique("subject_id", keep="last", maintain_order=True)
    columns = ["subject_id", "shard", "state"]
    return pl.concat([newest.select(columns), emptied.unique("subject_id").select(columns)])


def _is_one_of(subjects: Iterable[str]) -> pl.Expr:
    return pl.col("subject_id").is_in(pl.Series(list(subjects), dtype=pl.String).implode())

"""One claimed attempt at one micro-batch: accept, score, fold, publish, in this order.

Steps are idempotent: each writes the batch's own slice, with a lease check before each write. Results stay in memory
for the next step, so that nothing is unsealed twice; a step whose predecessor was skipped reads the lake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.pipeline.access_records import AccessRecords
from alphaads_pipelines.pipeline.batch_ports import BatchPorts
from alphaads_pipelines.pipeline.reports import (
    CORRELATION_IDS_SHOWN,
    LINKED_BY,
    StepReport,
    Written,
    entity_tallies,
)
from alphaads_pipelines.pipeline.stages import Stage
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import (
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    EMOTIONS,
    LIVE_PROFILES,
    POST_ENTITIES,
    POST_SCORES,
    RAW_POSTS,
    REJECTED_POSTS,
)
from alphaads_pipelines.telemetry import BATCH_SECONDS, ENTITIES_LINKED, POSTS_PROCESSED

if TYPE_CHECKING:
    import polars as pl

    from alphaads_pipelines.ingest.batch_reader import AcceptedBatch
    from alphaads_pipelines.platforms.base import Post

SCORED_AT_ONCE = 2_000
"""Posts per call of the scorer."""


class MicroBatch:
    """The work of one attempt.

    Parameters
    ----------
    check: raises Fenced if another attempt owns the batch; called before every write and scored chunk.
    replayed_later: batches that the same run replays later, so their profiles are not rebuilt here.
    """

    def __init__(
        self, ports: BatchPorts, batch: Batch, check: Callable[[], None], replayed_later: frozenset[int] = frozenset()
    ) -> None:
        self.batch = batch
        self._ports, self._check, self._replayed_later = ports, check, replayed_later
        self._accepted: AcceptedBatch | None = None
        self._scores: pl.DataFrame | None = None
        self._entities: pl.DataFrame | None = None
        self._tallies: dict[str, dict[str, int]] = {}
        self._profiles: pl.DataFrame | None = None
        self._versions: dict[str, int] = {}
        self._access_records = AccessRecords(ports.audit, batch)

    def run(self, stage: Stage) -> StepReport:
        """Run one step. Raises Fenced, OffsetsLost, StreamUnavailable, StoreUnavailable, WriteConflict."""
        started = time.perf_counter()
        tables, figures = getattr(self, f"_{stage.value}")()
        seconds = time.perf_counter() - started
        tallies = self._tallies if stage is Stage.SCORE else {}
        BATCH_SECONDS.labels(stage.value).observe(seconds)
        offsets = tuple((f"{each.topic}[{each.partition}]", each.start, each.end) for each in self.batch.ranges)
        return StepReport(tables, seconds, figures, (self.batch.id,), offsets, self._correlation_ids(), tallies)

    def _accept(self) -> tuple[dict[str, Written], dict[str, int]]:
        self._accepted = accepted = self._ports.batch_reader.read(self.batch)
        counts = accepted.counts
        figures = {
            "read": counts.read,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "duplicates": counts.duplicates,
        }
        return self._write(Stage.ACCEPT, {RAW_POSTS: accepted.raw, REJECTED_POSTS: accepted.rejected}), figures

    def _score(self) -> tuple[dict[str, Written], dict[str, int]]:
        posts: Sequence[Post | None]
        if self._accepted is not None:
            raw, posts = self._accepted.raw, self._accepted.posts
        else:
            raw = self._ports.lake.read_slice(RAW_POSTS, self.batch.slice)
            posts = self._ports.batch_reader.unseal_posts(raw)
        self._scores, self._entities = self._scored(raw, posts)
        scores, entities = self._scores, self._entities
        self._tallies = entity_tallies(entities)
        counted = dict(scores["emotion"].value_counts().iter_rows())
        figures = {"posts": scores.height, "posts_without_sentiment": scores["sentiment"].null_count()}
        figures |= {f"{emotion}_posts": counted.get(emotion, 0) for emotion in EMOTIONS}
        figures |= {"entities": entities.height, "linked_entities": sum(self._tallies[LINKED_BY].values())}
        return self._write(Stage.SCORE, {POST_SCORES: scores, POST_ENTITIES: entities}), figures

    def _scored(self, raw: pl.DataFrame, posts: Sequence[Post | None]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Score in chunks: raw scores are large."""
        import polars as pl

        from alphaads_pipelines.nlp.rows import entity_rows, readable_posts, score_rows

        ports, (places, texts) = self._ports, readable_posts(raw, posts)
        scorer, gazetteer = ports.scorer.current(), ports.gazetteer.read()
        scores, entities = [], []
        for start in range(0, max(1, len(texts)), SCORED_AT_ONCE):
            self._check()  # scoring is slow, and useless once fenced
            part, some = places.slice(start, SCORED_AT_ONCE), texts[start : start + SCORED_AT_ONCE]
            said = scorer.score(some)
            scores.append(score_rows(part, said, scorer))
            entities.append(entity_rows(part, some, said, scorer, gazetteer, ports.pseudonyms.name))
        return pl.concat(scores), pl.concat(entities)

    def _fold(self) -> tuple[dict[str, Written], dict[str, int]]:
        if self.batch.kind == "replay":
            return self._rebuild_profiles()
        from alphaads_pipelines.profiles.fold import fold_profiles
        from alphaads_pipelines.stores.sql.relational import reading, select_in

        scores, entities = self._current_scores(), self._current_entities()
        subjects = scores["subject_id"].unique().to_list()
        with reading(self._ports.engine) as connection:
            rows = select_in(connection, LIVE_PROFILES.name, "subject_id", subjects, ["subject_id", "state"])
        prior = {row.subject_id: row.state for row in rows}
        self._profiles, journeys = fold_profiles(prior, scores, self.batch.seq, entities)
        written = self._write(Stage.FOLD, {CUSTOMER_PROFILES: self._profiles, EMOTIONAL_JOURNEYS: journeys})
        return written, {"subjects": len(subjects), "new_subjects": len(subjects) - len(prior)}

    def _rebuild_profiles(self) -> tuple[dict[str, Written], dict[str, int]]:
        from alphaads_pipelines.pipeline.rebuild_profiles import rebuild_profiles

        scores = self._current_scores()
        self._record(Stage.FOLD, {CUSTOMER_PROFILES: scores, EMOTIONAL_JOURNEYS: scores})
        rebuilt = rebuild_profiles(self._ports.lake, self.batch, scores, self._replayed_later, self._check)
        self._profiles = rebuilt.current
        self._versions |= {name: written.version for name, written in rebuilt.tables.items() if written.version}
        return rebuilt.tables, {"subjects": rebuilt.subjects, "mended_batches": rebuilt.mended}

    def _publish(self) -> tuple[dict[str, Written], dict[str, int]]:
        from alphaads_pipelines.ingest.publish import publish

        if self._profiles is None:
            self._profiles = self._ports.lake.read_slice(CUSTOMER_PROFILES, self.batch.slice).clear()
        counts = self._counts()
        self._record(Stage.PUBLISH, {LIVE_PROFILES: self._profiles})
        publish(
            self._ports.engine,
            self._ports.ledger,
            self.batch,
            counts,
            self._profiles,
            self._versions,
            datetime.now(UTC),
        )
        for outcome in ("accepted", "rejected", "duplicates"):
            POSTS_PROCESSED.labels(outcome).inc(getattr(counts, outcome))
        for source, count in self._tallies.get(LINKED_BY, {}).items():
            ENTITIES_LINKED.labels(source).inc(count)
        return {}, {"subjects": self._profiles.height}

    def _current_scores(self) -> pl.DataFrame:
        if self._scores is None:
            self._scores = self._ports.lake.read_slice(POST_SCORES, self.batch.slice)
        return self._scores

    def _current_entities(self) -> pl.DataFrame:
        if self._entities is None:
            self._entities = self._ports.lake.read_slice(POST_ENTITIES, self.batch.slice)
        return self._entities

    def _correlation_ids(self) -> tuple[str, ...]:
        if self._accepted is None:
            return ()
        frames = (self._accepted.raw, self._accepted.rejected)
        ids = sorted({each for frame in frames for each in frame["correlation_id"].unique()})
        return tuple(ids[:CORRELATION_IDS_SHOWN])

    def _counts(self) -> BatchCounts:
        if self._accepted is not None:
            return self._accepted.counts
        assert self.batch.counts is not None, "a replay that leaves acceptance out replays a committed batch"
        return self.batch.counts

    def _record(self, stage: Stage, frames: Mapping[Table, pl.DataFrame]) -> None:
        ids = self._correlation_ids()
        of_one_intake = ids[0] if len(ids) == 1 else ""
        self._access_records.record(stage.value, {table.name: frame for table, frame in frames.items()}, of_one_intake)

    def _write(self, stage: Stage, frames: dict[Table, pl.DataFrame]) -> dict[str, Written]:
        """Write all frames, or none if any breaks its contract; audited before."""
        from alphaads_pipelines.ingest.checks import schema_problems

        problems = {table: tuple(schema_problems(table, frame)) for table, frame in frames.items()}
        if any(problems.values()):
            return {table.name: Written(frame.height, None, problems[table]) for table, frame in frames.items()}
        self._record(stage, frames)
        written = {}
        for table, frame in frames.items():
            version = self._ports.lake.replace_slice(table, frame, self.batch.slice, self._check)
            self._versions[table.name] = version
            written[table.name] = Written(frame.height, version)
        return written

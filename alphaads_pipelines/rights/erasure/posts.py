"""Erase a subject from the post stream: removed from the embedded stream; Kafka keeps ciphertext."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from alphaads_pipelines.rights.erasure.base import CheckResult, Eraser, ErasureTarget, Figures
from alphaads_pipelines.schema.records import POST_RECORD
from alphaads_pipelines.streams.base import Erasable, Expiring, Stream


class PostsEraser(Eraser):
    """Erases from the topic of sealed posts."""

    name = "posts"
    covers = frozenset({POST_RECORD.name})

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Remove the subject's envelopes; other offsets do not change."""
        return erase_records(self._ports.stream, self._ports.topics.posts, {subject.subject_id}, tick)

    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search every record, page and log."""
        return check_topic(self._ports.stream, self._ports.topics.posts, {subject.subject_id})


def erase_records(stream: Stream, topic: str, ids: set[str], tick: Callable[[str], None]) -> Figures:
    """Remove records that contain an id, if the stream supports it."""
    if not isinstance(stream, Erasable) or not ids:
        return {"records_removed": 0}
    held = list(stream.holding(topic, ids))
    tick(f"{topic} searched")
    removed = stream.remove(topic, held) if held else 0
    tick(f"{topic} removed")
    return {"records_removed": removed, **stream.scrub(topic, ids)}


def check_topic(stream: Stream, topic: str, ids: set[str]) -> CheckResult:
    """Search a topic for ids, or state when retention removes them."""
    if isinstance(stream, Erasable):
        pages = stream.scrub(topic, ids)
        records = sum(end - low for end, low in _spans(stream, topic))
        found = sum(1 for _ in stream.holding(topic, ids))
        return CheckResult({topic: {"offsets": records, "pages": pages["pages"]}}, found + pages["found"])
    kept = stream.retention(topic) if isinstance(stream, Expiring) else None
    until = "as long as the broker keeps it" if kept is None else f"until {(datetime.now(UTC) + kept):%Y-%m-%d}"
    return CheckResult(
        {topic: {"gone_by": None if kept is None else (datetime.now(UTC) + kept).isoformat()}},
        0,
        f"Kafka removes no single record: {topic} keeps the random subject id, which leads nowhere now, and ciphertext "
        f"that no key opens, {until} (retention.ms and segment.ms of the topic).",
    )


def _spans(stream: Stream, topic: str) -> list[tuple[int, int]]:
    lows = stream.low_offsets(topic)
    return [(end, lows[partition]) for partition, end in stream.end_offsets(topic).items()]

"""Erase a subject's decisions and ad events: this host's spool and both topics.

Events first: after a crash the remaining decisions still lead to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson

from alphaads_pipelines.decisions.spool import erase_from_spool, spooled
from alphaads_pipelines.rights.erasure.base import CheckResult, Eraser, ErasureTarget, Figures
from alphaads_pipelines.rights.erasure.posts import check_topic, erase_records
from alphaads_pipelines.schema.advertising_tables import EARLY_EVENTS
from alphaads_pipelines.schema.records import DECISION_RECORD, EVENT_RECORD
from alphaads_pipelines.streams.base import Erasable


class DecisionsEraser(Eraser):
    """Erases decisions and their ad events."""

    name = "decisions"
    covers = frozenset({DECISION_RECORD.name, EVENT_RECORD.name, EARLY_EVENTS.name, "spool"})

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Remove events, then decisions in the spool, then in the stream."""
        ports, ids = self._ports, {subject.subject_id}
        decisions = set(self._decision_ids(subject.subject_id))
        events = erase_records(ports.stream, ports.topics.events, decisions, tick)
        spool = erase_from_spool(ports.spool_path, ids)
        tick("spool")
        shipped = erase_records(ports.stream, ports.topics.decisions, ids, tick)
        return {"decisions": shipped, "events": events, "spool_records": spool}

    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search the spool and both topics."""
        ports, ids = self._ports, {subject.subject_id}
        needle = subject.subject_id.encode()
        records = list(spooled(ports.spool_path)) if ports.spool_path.exists() else []
        topics = [check_topic(ports.stream, name, ids) for name in (ports.topics.decisions, ports.topics.events)]
        looked_at = {"spool_records": len(records)}
        for each in topics:
            looked_at |= each.looked_at
        found = sum(needle in record for record in records) + sum(each.found for each in topics)
        statements = [each.statement for each in topics if each.statement]
        forgotten = "Events that came before their decision wait for it by its id alone, for a day at most."
        return CheckResult(looked_at, found, " ".join([*statements, forgotten]))

    def _decision_ids(self, subject_id: str) -> Iterator[str]:
        ports, needle = self._ports, subject_id.encode()
        records = spooled(ports.spool_path) if ports.spool_path.exists() else iter(())
        yield from (_id_of(record) for record in records if needle in record)
        if isinstance(ports.stream, Erasable):
            yield from (_id_of(each.value) for each in ports.stream.holding(ports.topics.decisions, {subject_id}))


def _id_of(record: bytes) -> str:
    try:
        return str(orjson.loads(record)["decision_id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""

"""An installation with data of many people in every store: posts in every state, decisions, requests."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from alphaads_pipelines.decisions.spool import Spool, forward
from alphaads_pipelines.platforms.base import Payload
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import RELATIONAL_TABLES
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts
from tests.publishing import publish_batches

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
_BY_THE_RUN = frozenset({"subjects", "subject_keys", "live_profiles", "profile_changes"})


def fill(wiring: Wiring, *, posts: int, authors: int, seed: int = 3) -> list[str]:
    """Fill every store; subject ids of all authors, in order.

    Some posts are rejected, some are duplicates, some wait in the stream; some decisions wait in the spool.
    """
    rng = random.Random(seed)
    payloads = _posts(posts, authors, seed)
    broken = [{**each, "id": f"broken-{each['id']}", "text": None} for each in rng.sample(payloads, posts // 10)]
    waiting = [{**each, "id": f"waiting-{each['id']}"} for each in rng.sample(payloads, posts // 10)]
    wiring.intake.take("generic", [*payloads, *broken], "c" * 32)
    publish_batches(wiring)
    wiring.intake.take("generic", rng.sample(payloads, posts // 10), "d" * 32)
    publish_batches(wiring)
    wiring.intake.take("generic", waiting, "e" * 32)
    with reading(wiring.engine) as connection:
        subjects = sorted(connection.execute(sa.select(sql_table("subjects").c.subject_id)).scalars())
    for table in RELATIONAL_TABLES:
        if table.subject_column == "subject_id" and table.name not in _BY_THE_RUN:
            _fill_table(wiring, table, rng.sample(subjects, len(subjects) * 2 // 3))
    _decide(wiring, [rng.choice(subjects) for _ in range(len(subjects))])
    return subjects


def _posts(posts: int, authors: int, seed: int) -> list[Payload]:
    """Every person posts at least once."""
    payloads = list(synthetic_posts(posts, seed=seed, authors=authors))
    for number, payload in enumerate(payloads[:authors]):
        payload["author_id"] = f"a{number}"
    return payloads


def _fill_table(wiring: Wiring, table: Table, subjects: list[str]) -> None:
    rows = [_row(table, subject, number) for number, subject in enumerate(subjects)]
    with transaction(wiring.engine) as connection:
        connection.execute(sql_table(table.name).insert(), rows)


def _row(table: Table, subject: str, number: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "bool": bool(number % 2),
        "int32": number,
        "int64": number,
        "float64": number / 8,
        "json": {"number": number},
        "binary": number.to_bytes(8, "big"),
        "date": NOON.date(),
        "timestamp": NOON + timedelta(seconds=number),
    }
    row = {each.name: values.get(each.type, f"{each.name}-{number}") for each in table.columns}
    counted = {each for each in table.key if table.autoincrement}
    return {name: value for name, value in {**row, "subject_id": subject}.items() if name not in counted}


def _decide(wiring: Wiring, subjects: list[str]) -> None:
    """Two thirds are shipped, some of them lie in the spool as well; events of some."""
    settings = wiring.settings
    spool = Spool(settings.spool_path)
    decisions = [
        {"decision_id": f"{number:032x}", "subject_id": subject, "arm_id": "a", "mood": "joy"}
        for number, subject in enumerate(subjects)
    ]
    shipped = len(decisions) * 2 // 3
    for decision in decisions[:shipped]:
        spool.append(orjson.dumps(decision))
    forward(settings.spool_path, wiring.stream, settings.decisions_topic)
    for decision in decisions[shipped:]:
        spool.append(orjson.dumps(decision))
    spool.close()
    clicked = [each["decision_id"] for each in decisions[::2]]
    events = [{"event_id": f"event-{each}", "decision_id": each, "kind": "click"} for each in clicked]
    wiring.stream.produce(settings.events_topic, [Record(0, orjson.dumps(event)) for event in events])

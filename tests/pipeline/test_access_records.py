"""A micro-batch tells the audit log whose data it had, table by table, before it writes."""

from __future__ import annotations

import pytest

from alphaads_pipelines.audit.entries import MOST_LISTED, Entry, people
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.schema.tables import LAKE_TABLES, RAW_POSTS
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts
from tests.publishing import publish_batches

STEPS = {
    "batch.accept": ("raw_posts", "rejected_posts"),
    "batch.score": ("post_scores", "post_entities"),
    "batch.fold": ("customer_profiles", "emotional_journeys"),
    "batch.publish": ("live_profiles",),
}


def _take_in(wiring: Wiring, intake: int = 1) -> None:
    wiring.intake.take("generic", list(synthetic_posts(80, seed=intake, authors=40)), str(intake) * 32)


def _entries(wiring: Wiring) -> list[Entry]:
    return [line.entry for line in wiring.rights.audit_verifier.entries()]


def test_a_batch_is_one_entry_per_table_with_the_root_of_its_people(wiring: Wiring) -> None:
    _take_in(wiring)
    publish_batches(wiring)
    entries = _entries(wiring)
    expected = [(action, f"{table}/b000000001") for action, tables in STEPS.items() for table in tables]
    assert [(each.action, each.resource) for each in entries] == expected
    assert {each.actor for each in entries} == {"run:test"}
    assert {each.correlation_id for each in entries} == {"1" * 32}
    subjects = wiring.lake.scan(RAW_POSTS).collect()["subject_id"].unique().to_list()
    assert len(subjects) > MOST_LISTED
    by_table = {each.resource.partition("/")[0]: each.people for each in entries}
    assert by_table["raw_posts"] == people(wiring.rights.audit_keys, subjects)
    assert by_table["live_profiles"] == by_table["customer_profiles"] == by_table["raw_posts"]
    assert by_table["rejected_posts"].count == 0


def test_people_of_a_batch_find_it_by_where_their_posts_are(wiring: Wiring) -> None:
    _take_in(wiring)
    publish_batches(wiring)
    [subject, *_] = wiring.lake.scan(RAW_POSTS).collect()["subject_id"]
    found = [row["resource"].partition("/")[0] for row in wiring.rights.access_log.about(subject)]
    assert found == [table for tables in STEPS.values() for table in tables if table != "rejected_posts"]
    assert wiring.rights.access_log.about("0" * 32) == [], "nobody of the batch"
    everybody = [f"{each:032x}" for each in range(MOST_LISTED + 1)]
    wiring.audit.record(action="a.b", purpose="analytics", actor="run:1", resource="live_profiles", subjects=everybody)
    [row] = wiring.rights.access_log.about("0" * 31 + "f")
    assert (row["people"], row["certain"]) == (MOST_LISTED + 1, False), "nothing tells, so it is shown as perhaps"
    wiring.audit.record(action="a.b", purpose="rights", actor="cli:x", resource="r", subjects=everybody[:1])
    assert [row["certain"] for row in wiring.rights.access_log.about("0" * 32)] == [False, True]


def test_a_batch_that_cannot_be_recorded_writes_nothing(wiring: Wiring) -> None:
    _take_in(wiring)
    wiring.settings.audit_path.write_text("a file stands where the folder should be")
    with pytest.raises(StoreUnavailable, match="audit log"):
        publish_batches(wiring)
    assert [table.name for table in LAKE_TABLES if wiring.lake.version(table) is not None] == []


def test_a_batch_of_several_intakes_names_none_of_them(wiring: Wiring) -> None:
    _take_in(wiring, 1)
    _take_in(wiring, 2)
    publish_batches(wiring)
    assert {each.correlation_id for each in _entries(wiring)} == {""}

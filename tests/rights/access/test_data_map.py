"""The data map follows the schema: no table with personal data is missed."""

from __future__ import annotations

import pytest

from alphaads_pipelines.rights.access.data_map import EXCLUDED_TABLES, DataMap, exported_tables
from alphaads_pipelines.schema.columns import Table, derived, plain, pseudonym
from alphaads_pipelines.schema.tables import LAKE_TABLES, RELATIONAL_TABLES, TABLES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.rights.conftest import sources_of
from tests.rights.filled import fill

PEOPLE_OF_A_CITY = Table(
    "people_of_a_city", "relational", "Nobody said how to find one of them.", (derived("mood", "utf8"),), ("mood",)
)


def test_every_table_with_personal_columns_is_reached_or_says_why_not() -> None:
    read = {table.name for table in exported_tables(TABLES)}
    personal = {table.name for table in TABLES if any(column.is_personal for column in table.columns)}
    assert personal - read == EXCLUDED_TABLES.keys() & personal
    assert {"batches", "published", "api_keys"}.isdisjoint(read)


def test_a_table_that_cannot_be_reached_stops_the_walk() -> None:
    with pytest.raises(LookupError, match="people_of_a_city"):
        exported_tables([*TABLES, PEOPLE_OF_A_CITY])
    subject = Table("t", "relational", "", (pseudonym("subject_id"), plain("n", "int64")), ("subject_id",))
    assert exported_tables([subject]) == [subject]


def test_there_is_a_section_for_every_table_and_stores_come_together(wiring: Wiring) -> None:
    sections = list(DataMap(sources_of(wiring), "0" * 32, 0).sections())
    names = [(each.store, each.name) for each in sections]
    assert len(set(names)) == len(names)
    assert {name for _, name in names} >= {
        table.name for table in (*exported_tables(LAKE_TABLES), *exported_tables(RELATIONAL_TABLES))
    }
    stores = [store for store, _ in names]
    assert [store for place, store in enumerate(stores) if store != stores[place - 1]] == list(dict.fromkeys(stores))


def test_nothing_is_held_on_a_stranger(wiring: Wiring) -> None:
    for section in DataMap(sources_of(wiring), "0" * 32, 0).sections():
        assert list(section.rows) == [], section.name


def test_both_databases_are_walked_alike(settings: Settings, database_url: str) -> None:
    url = {"database_url": database_url, "scorer_tier": "lexicon", "shards": 4}
    with wired(settings.model_copy(update=url)) as wiring:
        [subject, *_] = fill(wiring, posts=40, authors=10)
        sections = DataMap(sources_of(wiring), subject, None).sections()
        held = {(each.store, each.name): list(each.rows) for each in sections}
    assert len(held["relational", "post_keys"]) >= len(held["lake", "raw_posts"]) > 0
    assert [each["subject_id"] for each in held["relational", "live_profiles"]] == [subject]
    assert all("wrapped_key" not in row for row in held["relational", "subject_keys"])

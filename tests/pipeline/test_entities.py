"""What posts name, through the whole pipeline: linked from the next batch on, replayed alike, gone with the person."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from dagster import AssetKey

from alphaads_pipelines.nlp.gazetteer import TrackedName
from alphaads_pipelines.nlp.tracked_names import remove_names, save_names
from alphaads_pipelines.runtime.backfill import backfill
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.schema.tables import POST_ENTITIES, POST_SCORES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.telemetry import REGISTRY
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.equality import fingerprint
from tests.pipeline.scorers import NamingScorer
from tests.scanner import Scanner

START = datetime(2026, 11, 24, 10, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LAMP = TrackedName("lumora", "Lumora", "brand", "ORG", ("Lumora lamp",), ("spring",))
BOOT = TrackedName("tundrel", "Tundrel", "product", "PRODUCT")
TEXTS = ["My Lumora lamp is great", "#Lumora and Tundrels, both fine", "nothing to see here", "lumora's light"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a tier that finds no entities of its own, so that what is found is the gazetteer's."""
    return settings.model_copy(update={"scorer_tier": "lexicon"})


def _take(wiring: Wiring, texts: list[str], name: str = "p") -> None:
    posts = [
        {
            **{"id": f"{name}{number}", "platform": "generic", "author_id": f"author{number}", "author_name": "A"},
            **{"text": text, "created_at": (START + timedelta(minutes=number)).isoformat()},
        }
        for number, text in enumerate(texts)
    ]
    wiring.intake.take("generic", posts, "c")


def _batch(wiring: Wiring, texts: list[str] = TEXTS, name: str = "p") -> pl.DataFrame:
    """The entities of the batch that these posts make."""
    _take(wiring, texts, name)
    summary = run_until_idle(wiring)
    [batch] = wiring.ledger.batches(limit=1)
    assert [batch.id] == summary.batches
    return wiring.lake.read_slice(POST_ENTITIES, batch.slice).sort("created_at", "entity_number")


def _entities(wiring: Wiring) -> pl.DataFrame:
    return wiring.lake.scan(POST_ENTITIES).collect().sort("post_key", "entity_number")


def _metadata(jobs: InProcess) -> dict[str, Any]:
    event = jobs.instance.get_latest_materialization_event(AssetKey(POST_ENTITIES.name))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_a_brand_is_linked_in_the_batch_after_it_was_added(jobs: InProcess) -> None:
    wiring = jobs.wiring
    assert _batch(wiring).is_empty()
    with wired(wiring.settings) as elsewhere:
        save_names(elsewhere.engine, [LAMP, BOOT], NOW)
    linked = _batch(wiring, name="q")
    said = ("type", "start_char", "end_char", "source", "tracked_id", "campaign_ids", "gazetteer_version")
    spring = '["spring"]'
    assert linked.select(said).rows() == [
        ("ORG", 3, 14, "gazetteer", "lumora", spring, 1),
        ("ORG", 1, 7, "gazetteer", "lumora", spring, 1),
        ("PRODUCT", 12, 20, "gazetteer", "tundrel", "[]", 1),
        ("ORG", 0, 6, "gazetteer", "lumora", spring, 1),
    ]
    tokens = linked["name_token"].to_list()
    assert tokens[1] == tokens[3] != tokens[0] != tokens[2]
    assert tokens[3] == wiring.pseudonyms.name("lumora")
    remove_names(wiring.engine, ["lumora"])
    after = _batch(wiring, name="r")
    assert after.select("tracked_id", "gazetteer_version").rows() == [("tundrel", 2)]


def test_the_asset_tells_what_was_found(jobs: InProcess) -> None:
    wiring = jobs.wiring
    save_names(wiring.engine, [LAMP, BOOT], NOW)

    def counted() -> float:
        return REGISTRY.get_sample_value("alphaads_entities_linked_total", {"source": "gazetteer"}) or 0.0

    before = counted()
    _batch(wiring)
    metadata = _metadata(jobs)
    assert metadata["dagster/row_count"] == metadata["entities"] == metadata["linked_entities"] == 4
    assert metadata["by_type"].splitlines()[2:] == ["| ORG | 3 |", "| PRODUCT | 1 |"]
    assert metadata["top_tracked_names"].splitlines()[2:] == ["| lumora | 3 |", "| tundrel | 1 |"]
    assert metadata["delta_version"] == wiring.lake.version(POST_ENTITIES)
    assert counted() == before + 4
    with reading(wiring.engine) as connection:
        pointers = connection.execute(sql_table("published").select()).all()
    assert {row.versions[POST_ENTITIES.name] for row in pointers} == {wiring.lake.version(POST_ENTITIES)}


def test_what_a_model_finds_is_linked_or_kept_without_its_name(jobs: InProcess) -> None:
    wiring = jobs.wiring
    wiring.scorer = NamingScorer(wiring.scorer, lambda: None)
    save_names(wiring.engine, [LAMP], NOW)
    found = _batch(wiring, ["Ada buys a Lumora", "ADA, again"])
    said = ("source", "tracked_id", "confidence", "type")
    assert found.select(said).rows()[:1] == [("model", None, 0.5, "PER")]
    assert found.filter(pl.col("tracked_id") == "lumora").select(said).rows() == [("model", "lumora", 0.5, "ORG")]
    ada = found.filter(pl.col("name_token") == wiring.pseudonyms.name("ada"))
    assert ada.select("post_key", "start_char").n_unique() == 2, "one name is one token in every post"


def test_a_tracked_person_is_stored_and_told_of_by_a_token_alone(jobs: InProcess) -> None:
    wiring = jobs.wiring
    ada = TrackedName("ada-korrigane", "Ada Korrigane", "person", "PER", ("Korrigane",), ("spring",))
    save_names(wiring.engine, [ada, LAMP], NOW)
    found = _batch(wiring, ["Ada Korrigane has a Lumora", "it was Korrigane"])
    token = wiring.pseudonyms.name("ada korrigane")
    said = ("type", "tracked_id", "name_token", "campaign_ids")
    assert found.filter(pl.col("type") == "PER").select(said).rows() == [
        ("PER", token, token, '["spring"]'),
        ("PER", token, wiring.pseudonyms.name("korrigane"), '["spring"]'),
    ], "one person is one token, however they are called"
    assert "lumora" in found["tracked_id"].to_list()
    metadata = _metadata(jobs)
    assert metadata["top_tracked_names"].splitlines()[2:] == [f"| {token} | 2 |", "| lumora | 1 |"]
    home = wiring.settings.alphaads_home
    held = {str(each.path) for each in Scanner(["Korrigane"]).scan(home)}
    assert {path for path in held if not path.startswith("relational.db")} == set()
    with reading(wiring.engine) as connection:
        rows = connection.execute(sql_table("live_profiles").select()).all()
    assert not [row for row in rows if b"orrigane" in bytes(row.state)]


@pytest.mark.parametrize("asset", ["raw_posts", "post_scores", "post_entities"])
def test_replays_and_backfills_write_the_same_rows(jobs: InProcess, asset: str) -> None:
    wiring = jobs.wiring
    save_names(wiring.engine, [LAMP, BOOT], NOW)
    for name in ("p", "q"):
        _batch(wiring, name=name)
    before, said = _entities(wiring), fingerprint(wiring)
    [batch, _] = wiring.ledger.batches()
    held = wiring.lake.read_slice(POST_ENTITIES, batch.slice)
    wiring.lake.replace_slice(POST_ENTITIES, held.head(1), batch.slice, lambda: None)
    assert fingerprint(wiring) != said
    assert backfill(wiring, START, START + timedelta(hours=1), first_asset=asset).batches == 2
    assert _entities(wiring).equals(before)
    assert fingerprint(wiring) == said


def test_a_backfill_links_what_was_added_since(jobs: InProcess) -> None:
    wiring = jobs.wiring
    _batch(wiring)
    save_names(wiring.engine, [LAMP], NOW)
    backfill(wiring, START, START + timedelta(hours=1), first_asset="post_scores")
    assert _entities(wiring)["tracked_id"].to_list() == ["lumora"] * 3
    remove_names(wiring.engine, ["lumora"])
    backfill(wiring, START, START + timedelta(hours=1), first_asset="post_scores")
    assert _entities(wiring).is_empty()


def test_an_erased_person_leaves_no_entity_and_no_score(jobs: InProcess) -> None:
    wiring = jobs.wiring
    save_names(wiring.engine, [LAMP], NOW)
    _batch(wiring)
    subject = wiring.subject_keys.find(wiring.pseudonyms.identity("generic", "author0"))
    assert subject in _entities(wiring)["subject_id"]
    wiring.subject_keys.destroy(subject)
    backfill(wiring, START, START + timedelta(hours=1), first_asset="post_scores")
    for table, left in ((POST_ENTITIES, 2), (POST_SCORES, 3)):
        subjects = wiring.lake.scan(table).collect()["subject_id"]
        assert subject not in subjects
        assert len(subjects) == left


YOUNG = ("tweet_emotion", "intent", "offensive")


def test_a_lake_from_before_these_columns_is_widened_and_its_scores_filled_in(jobs: InProcess) -> None:
    wiring, lake = jobs.wiring, jobs.wiring.lake
    old = dataclasses.replace(
        POST_SCORES, columns=tuple(each for each in POST_SCORES.columns if not each.name.startswith(YOUNG))
    )
    assert set(YOUNG) == {each.name for each in POST_SCORES.columns if each.name in YOUNG and each not in old.columns}
    wiring.scorer = NamingScorer(wiring.scorer, lambda: None)
    _batch(wiring)
    [first] = wiring.ledger.batches()
    rows = lake.read_slice(POST_SCORES, first.slice)
    with wired(wiring.settings) as before:  # as the code before these columns had written it
        for table in (POST_SCORES, POST_ENTITIES):
            shutil.rmtree(wiring.settings.lake_path / table.name)
        before.lake.replace_slice(old, rows.select(old.column_names), first.slice, lambda: None)
    with wired(wiring.settings) as after:
        assert after.lake.scan(POST_SCORES).collect().height == len(TEXTS)
        assert after.lake.scan(POST_ENTITIES).collect().is_empty()
        after.scorer = NamingScorer(after.scorer, lambda: None)
        _batch(after, name="q")
        intents = after.lake.scan(POST_SCORES).collect().group_by("batch_seq").agg(pl.col("intent").null_count())
        assert dict(intents.rows()) == {1: len(TEXTS), 2: 0}
        backfill(after, START, START + timedelta(hours=1), first_asset="post_scores")
        whole = after.lake.scan(POST_SCORES).collect()
        assert whole["intent"].to_list() == ["praise"] * 2 * len(TEXTS)
        assert whole["offensive_probability"].to_list() == [0.25] * 2 * len(TEXTS)
        assert set(_entities(after)["batch_seq"]) == {1, 2}

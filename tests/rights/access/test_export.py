"""An export is complete, streamed and private, compared with an independent walk over the files."""

from __future__ import annotations

import random
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.rights.access.export import export_subject, json_chunks, write_export
from alphaads_pipelines.rights.access.export_document import ROWS_SHOWN
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.rights.conftest import sources_of
from tests.rights.filled import NOON, fill
from tests.rights.walk import Held, Walk, canonical

SUBJECTS = 200


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wiring, list[str]]]:
    """An installation that holds many people, and their subject ids."""
    home = tmp_path_factory.mktemp("filled") / "home"
    settings = Settings(_env_file=None, environment="test", alphaads_home=home, scorer_tier="lexicon", shards=4)
    with wired(settings) as wiring:
        yield wiring, fill(wiring, posts=600, authors=220)


@pytest.fixture(scope="module")
def walk(filled: tuple[Wiring, list[str]]) -> Walk:
    wiring, _ = filled
    with reading(wiring.engine) as connection:
        key_ids = connection.execute(sql_table("subject_keys").select()).mappings().all()
    keys = wiring.subject_keys.keys(row["key_id"] for row in key_ids)
    return Walk(wiring.settings.alphaads_home, keys, wiring.pseudonyms.body_key)


def _exported(wiring: Wiring, subject: str) -> dict[str, Any]:
    document = b"".join(json_chunks(export_subject(sources_of(wiring), subject, NOON)))
    return dict(orjson.loads(document))


def _held(document: dict[str, Any]) -> Held:
    return {
        (store, name): [canonical(row) for row in rows]
        for store, lists in document["held"].items()
        for name, rows in lists.items()
        if rows
    }


def test_an_export_holds_what_a_walk_over_all_stores_finds(filled: tuple[Wiring, list[str]], walk: Walk) -> None:
    wiring, subjects = filled
    chosen = random.Random(7).sample(subjects, SUBJECTS)
    met = set()
    for subject in chosen:
        exported, found = _held(_exported(wiring, subject)), walk.held[subject]
        assert exported.keys() == found.keys()
        for place, rows in found.items():
            assert sorted(exported[place]) == sorted(rows), place
        met |= found.keys()
    stores = {store for store, _ in met}
    assert stores == {"lake", "stream", "spool", "relational"}
    expected = {"raw_posts", "rejected_posts", "post_scores", "customer_profiles", "emotional_journeys", "posts.raw"}
    expected |= {"ads.decisions", "ads.events", "live_profiles", "profile_changes"}
    expected |= {"subjects", "subject_keys", "post_keys"}
    expected |= {"consent_events", "people", "restrictions", "rectifications", "ad_engagement", "rights_requests"}
    assert {name for _, name in met} >= expected


def test_nothing_of_another_person_is_in_an_export(filled: tuple[Wiring, list[str]]) -> None:
    wiring, subjects = filled
    with reading(wiring.engine) as connection:
        ids = {row.subject_id for row in select_in(connection, "subjects", "subject_id", subjects)}
    document = _exported(wiring, subjects[0])
    said = orjson.dumps({**document, "linked_subjects": []}).decode()
    assert not [each for each in ids - {subjects[0]} if each in said]


def test_keys_are_in_no_export(filled: tuple[Wiring, list[str]]) -> None:
    wiring, subjects = filled
    said = orjson.dumps(_exported(wiring, subjects[0])).decode()
    with reading(wiring.engine) as connection:
        [row] = select_in(connection, "subject_keys", "subject_id", [subjects[0]])
    plain = wiring.subject_keys.keys([row.key_id])[row.key_id]
    assert row.key_id in said
    assert bytes(row.wrapped_key).hex() not in said
    assert plain.hex() not in said


def test_the_document_says_what_it_is_and_what_is_concluded(filled: tuple[Wiring, list[str]]) -> None:
    wiring, subjects = filled
    document = _exported(wiring, subjects[0])
    assert (document["format"], document["format_version"]) == ("alphaads-export", 1)
    assert (document["subject_id"], document["platform"]) == (subjects[0], "generic")
    assert document["exported_at"] == NOON.isoformat().replace("+00:00", "Z")
    [live] = document["held"]["relational"]["live_profiles"]
    assert document["profile"]["posts"] == sum(counts[0] for counts in live["state"]["hours"].values())


def test_files_are_whole_private_and_readable(filled: tuple[Wiring, list[str]], tmp_path: Path) -> None:
    wiring, subjects = filled
    export = export_subject(sources_of(wiring), subjects[0], NOON)
    document, page, shown = write_export(export, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {document.name, page.name}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (document, page)} == {0o600}
    held = orjson.loads(document.read_bytes())["held"]
    assert {(each.store, each.name): each.count for each in shown} == {
        (store, name): len(rows) for store, lists in held.items() for name, rows in lists.items()
    }
    said = page.read_text()
    post = held["lake"]["raw_posts"][0]["payload"]
    assert post["text"].split("@")[0].replace("'", "&#39;") in said
    assert "<script" not in said
    assert "http" not in said


def test_a_page_shows_the_first_rows_and_counts_the_rest(wiring: Wiring, tmp_path: Path) -> None:
    post = {"author_id": "a", "text": "hello", "created_at": "2026-11-24T10:00:00Z"}
    wiring.intake.take("generic", [{**post, "id": f"p{number}"} for number in range(ROWS_SHOWN + 7)], "c")
    subject = str(wiring.subject_keys.find(wiring.pseudonyms.identity("generic", "a")))
    document, page, _ = write_export(export_subject(sources_of(wiring), subject, NOON), tmp_path)
    assert f"and 7 more in {document.name}" in page.read_text()


def test_markup_in_a_post_stays_text(wiring: Wiring, tmp_path: Path) -> None:
    post = {"id": "1", "author_id": "a", "text": "<script>alert(1)</script>", "created_at": "2026-11-24T10:00:00Z"}
    wiring.intake.take("generic", [post], "c")
    subject = wiring.subject_keys.find(wiring.pseudonyms.identity("generic", "a"))
    assert subject is not None
    document, page, _ = write_export(export_subject(sources_of(wiring), subject, NOON), tmp_path)
    assert "<script>" in document.read_text()
    assert "<script" not in page.read_text()


def test_an_export_that_breaks_off_leaves_nothing(wiring: Wiring, tmp_path: Path) -> None:
    post = {"id": "1", "author_id": "a", "text": "hello", "created_at": "2026-11-24T10:00:00Z"}
    wiring.intake.take("generic", [post], "c")
    subject = str(wiring.subject_keys.find(wiring.pseudonyms.identity("generic", "a")))
    export = export_subject(sources_of(wiring), subject, NOON)
    wiring.stream.close()
    (wiring.settings.stream_path / "ads.decisions.db").unlink()
    with pytest.raises(NotFound):
        write_export(export, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []

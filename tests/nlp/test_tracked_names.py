"""Where the gazetteer is kept, on SQLite and PostgreSQL: edits move its version, and every process sees the newest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event

from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.nlp.gazetteer import TrackedName
from alphaads_pipelines.nlp.tracked_names import (
    CurrentGazetteer,
    lines_of,
    names_from_lines,
    read_names,
    remove_names,
    save_names,
)
from alphaads_pipelines.stores.sql.relational import connect, reading, sql_table
from tests.concurrency import at_once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LAMP = TrackedName("lamp", "Lumora", "brand", "ORG", ("Lumora lamp", "ルモラ"), ("spring",))
BOOT = TrackedName("boot", "Tundrel", "product", "PRODUCT", is_exact_case=True)


def _linked(gazetteer: CurrentGazetteer, text: str) -> list[str | None]:
    return [each.tracked_id for each in gazetteer.read().link(text, None)]


@pytest.mark.integration
def test_names_come_back_as_they_were_saved_by_id(engine: Engine) -> None:
    assert read_names(engine) == (0, [])
    assert save_names(engine, [LAMP, BOOT], NOW) == 1
    assert read_names(engine) == (1, [BOOT, LAMP])


@pytest.mark.integration
def test_an_edit_is_seen_by_every_process_and_read_once(engine: Engine) -> None:
    other = connect(str(engine.url.render_as_string(hide_password=False)))
    here, there = CurrentGazetteer(engine), CurrentGazetteer(other)
    text = "A Lumora and a Tundrel"
    assert _linked(here, text) == _linked(there, text) == []
    save_names(engine, [LAMP], NOW)
    assert _linked(here, text) == _linked(there, text) == ["lamp"]
    save_names(other, [BOOT], NOW)
    assert _linked(here, text) == ["lamp", "boot"]
    assert here.read().version == 2
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    assert here.read() is here.read()
    assert [each for each in statements if "tracked_names" in each] == [], "the names are read when the version moved"
    remove_names(engine, ["lamp"])
    assert _linked(here, text) == _linked(there, text) == ["boot"]
    other.dispose()


@pytest.mark.integration
def test_saving_again_replaces_the_name_and_says_when(engine: Engine) -> None:
    save_names(engine, [LAMP, BOOT], NOW)
    changed = msgspec.structs.replace(LAMP, aliases=(), kind="competitor")
    save_names(engine, [changed], NOW + timedelta(hours=1))
    assert read_names(engine) == (2, [BOOT, changed])
    table = sql_table("tracked_names")
    with reading(engine) as connection:
        times = dict(connection.execute(sa.select(table.c.tracked_id, table.c.updated_at)).all())
    assert times == {"boot": NOW, "lamp": NOW + timedelta(hours=1)}
    save_names(engine, [BOOT], NOW, replace=True)
    assert read_names(engine) == (3, [BOOT])


@pytest.mark.integration
def test_tenants_have_names_of_their_own(engine: Engine) -> None:
    save_names(engine, [LAMP], NOW, tenant="acme")
    with pytest.raises(InvalidRequest, match="another tenant"):
        save_names(engine, [BOOT, LAMP], NOW, tenant="other")
    with pytest.raises(NotFound):
        remove_names(engine, ["lamp"], tenant="other")
    save_names(engine, [BOOT], NOW, tenant="other", replace=True)
    assert read_names(engine, "acme") == (2, [LAMP]), "what was refused moved nothing"
    assert read_names(engine, "other") == (2, [BOOT])
    assert _linked(CurrentGazetteer(engine), "A Lumora and a Tundrel") == ["lamp", "boot"]


@pytest.mark.integration
def test_an_edit_that_is_refused_changes_nothing(engine: Engine) -> None:
    save_names(engine, [LAMP], NOW)
    with pytest.raises(InvalidRequest, match="name"):
        save_names(engine, [BOOT, msgspec.structs.replace(LAMP, name="!")], NOW)
    with pytest.raises(NotFound):
        remove_names(engine, ["lamp", "boot"])
    assert read_names(engine) == (1, [LAMP])


@pytest.mark.integration
def test_of_edits_at_once_none_is_lost(engine: Engine) -> None:
    names = [TrackedName(f"n{each}", f"Brand{each}", "brand", "ORG") for each in range(8)]
    versions = at_once(*(lambda each=each: save_names(engine, [each], NOW) for each in names))
    assert sorted(versions) == list(range(1, 9))
    assert read_names(engine) == (8, names)


def test_lines_come_back_as_the_names_that_they_were() -> None:
    lines = list(lines_of([LAMP, BOOT]))
    assert msgspec.json.decode(lines[0]) == {
        **{"id": "lamp", "name": "Lumora", "kind": "brand", "type": "ORG", "aliases": ["Lumora lamp", "ルモラ"]},
        **{"campaign_ids": ["spring"], "exact_case": False},
    }
    assert names_from_lines([lines[0], b"", b"  \n", lines[1]]) == [LAMP, BOOT]
    assert names_from_lines([]) == []


def _line(**change: Any) -> bytes:
    right = {"id": "lamp", "name": "Lumora", "kind": "brand", "type": "ORG"}
    return msgspec.json.encode({name: value for name, value in {**right, **change}.items() if value is not None})


WRONG = [
    (b"not json", "line 2: not valid JSON"),
    (b"\xff", "line 2: not valid JSON"),
    (b"[" * 100_000, "line 2: "),
    (b"[]", "line 2: Expected `object`"),
    (_line(name=None), "line 2: Object missing required field `name`"),
    (_line(colour="red"), "line 2: Object contains unknown field `colour`"),
    (_line(aliases="Lumora"), r"line 2: .*\$\.aliases"),
    (_line(kind="planet"), "line 2: kind: must be one of brand"),
    (_line(name="!"), "line 2: name: must be"),
    (_line(id="one"), "line 2: id: stands in an earlier line, too"),
]


@pytest.mark.parametrize(("line", "told"), WRONG)
def test_a_wrong_line_is_told_by_its_number(line: bytes, told: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{told}"):
        names_from_lines([_line(id="one"), line, _line(id="three")])


def test_only_the_first_wrong_lines_are_told() -> None:
    with pytest.raises(InvalidRequest) as raised:
        names_from_lines([b"{"] * 100)
    assert str(raised.value).count("line") == 5

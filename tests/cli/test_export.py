"""`alphaads export`: the document and the page, who asked for them, and how wrong use is told."""

from __future__ import annotations

import stat
from pathlib import Path

import orjson
import pytest

from alphaads_pipelines.rights.requests import RightsRequests
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.cli.conftest import Command

POST = {
    **{"id": "p1", "platform": "instagram", "author_id": "author:7", "author_name": "Plantedname Ferncroft"},
    **{"text": "plantedword to you", "created_at": "2026-11-24T10:00:00Z"},
}
SUBJECT = "instagram:author:7"


@pytest.fixture(autouse=True)
def posted(settings: Settings) -> None:
    """Somebody posted."""
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c")


def test_the_document_and_the_page_are_written(command: Command, tmp_path: Path) -> None:
    done = command("export", SUBJECT, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    document, page = sorted((tmp_path / "out").iterdir(), key=lambda path: path.suffix != ".json")
    held = orjson.loads(document.read_bytes())["held"]
    assert held["stream"]["posts.raw"][0]["payload"]["author_name"] == POST["author_name"]
    assert "plantedword" in page.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (document, page)} == {0o600}
    assert str(POST["author_name"]) not in done.output


def test_json_goes_to_stdout_and_nowhere_else(command: Command, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = command("export", SUBJECT, "--json")
    assert done.exit_code == 0, done.output
    document = orjson.loads(done.stdout)
    assert (document["format"], document["platform"]) == ("alphaads-export", "instagram")
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in before} <= {"home", "home.checkpoints"}
    again = command("export", document["subject_id"], "--json")
    assert orjson.loads(again.stdout)["subject_id"] == document["subject_id"]


def test_who_asked_is_audited_and_the_request_is_kept(command: Command, settings: Settings) -> None:
    first, second = (orjson.loads(command("export", SUBJECT, "--json").stdout)["held"] for _ in range(2))
    assert [each["state"] for each in first["relational"]["rights_requests"]] == ["running"]
    [entry] = [each for each in first["audit"]["entries"] if each["action"] == "subject.export"]
    assert (entry["purpose"], entry["resource"]) == ("rights", "alphaads export")
    assert entry["actor"].startswith("cli:")
    assert len([each for each in second["audit"]["entries"] if each["action"] == "subject.export"]) == 2
    with wired(settings) as wiring:
        requests = RightsRequests(wiring.engine).list(only_open=False)
    assert [(each.kind, each.state) for each in requests] == [("export", "done")] * 2


def test_wrong_use_and_strangers_are_told_without_repeating_them(command: Command) -> None:
    wrong, nobody = command("export", "plantednobody"), command("export", "x:plantednobody")
    assert (wrong.exit_code, nobody.exit_code) == (2, 1)
    assert "plantednobody" not in wrong.output + nobody.output


def test_nothing_is_handed_out_that_cannot_be_audited(command: Command, settings: Settings) -> None:
    settings.audit_path.write_text("in the way of a folder")
    done = command("export", SUBJECT, "--json")
    assert done.exit_code == 1
    assert done.stdout == ""

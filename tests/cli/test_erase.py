"""`alphaads erase`: who is erased, what is asked first, what a receipt says, and how wrong use is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from alphaads_pipelines.rights.erasure import erasure
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import transaction
from alphaads_pipelines.stores.subjects.links import join_in
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.cli.conftest import Command
from tests.rights.erasure.erasing import NOW


def post(author: str) -> dict[str, str]:
    named = {"platform": "instagram", "author_id": author, "author_name": f"Name {author}"}
    return {"id": f"post of {author}", **named, "text": "hello", "created_at": "2026-11-24T10:00:00Z"}


@pytest.fixture(autouse=True)
def posted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two people posted; nobody waits for processes that are not there."""
    monkeypatch.setattr(erasure, "_SETTLE", timedelta(0))
    with wired(settings) as wiring:
        wiring.intake.take("generic", [post("a:1"), post("b")], "c")
    yield


def subject(wiring: Wiring, author: str) -> str:
    found = wiring.subject_keys.find(wiring.pseudonyms.identity("instagram", author))
    assert found is not None
    return found


def test_an_erasure_ends_in_a_receipt_that_can_be_verified(command: Command, tmp_path: Path) -> None:
    done = command("erase", "instagram:a:1", "--yes", "--json")
    assert done.exit_code == 0, done.output
    [erased] = orjson.loads(done.stdout)["erased"]
    assert erased["state"] == "done"
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(orjson.dumps(erased["receipt"]))
    told = command("erase", "--verify-receipt", receipt)
    assert (told.exit_code, erased["request_id"] in told.stdout) == (0, True)
    receipt.write_bytes(receipt.read_bytes().replace(b'"found":0', b'"found":1', 1))
    told = command("erase", "--verify-receipt", receipt, "--json")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "was changed" in told.stderr


def test_it_asks_first_and_no_means_no(command: Command, settings: Settings) -> None:
    asked = command("erase", "instagram:b", stdin=b"n\n")
    assert asked.exit_code == 1
    with wired(settings) as wiring:
        assert subject(wiring, "b")
        assert wiring.rights.erasure.pending() == []
    assert "done" in command("erase", "instagram:b", stdin=b"y\n").stdout


def test_erasing_again_is_fine_and_a_stranger_is_an_error(command: Command) -> None:
    assert command("erase", "instagram:b", "--yes").exit_code == 0
    again = command("erase", "instagram:b", "--yes", "--json")
    assert (again.exit_code, orjson.loads(again.stdout)) == (0, {"erased": [], "linked_left": []})
    assert "erased before" in again.stderr
    stranger = command("erase", "instagram:nobodyknows", "--yes")
    assert stranger.exit_code == 1
    assert "nobodyknows" not in stranger.output


def test_linked_subjects_are_named_or_erased_too(command: Command, settings: Settings) -> None:
    with wired(settings) as wiring:
        wiring.intake.take("generic", [post("c")], "c")
        linked = [subject(wiring, author) for author in ("a:1", "b", "c")]
        with transaction(wiring.engine) as connection:
            join_in(connection, linked, NOW)
    alone = command("erase", linked[0], "--yes", "--json")
    assert sorted(orjson.loads(alone.stdout)["linked_left"]) == sorted(linked[1:])
    both = command("erase", "instagram:b", "--yes", "--json", "--all-linked")
    assert [each["state"] for each in orjson.loads(both.stdout)["erased"]] == ["done", "done"]
    assert command("erase", linked[2], "--yes").stderr.startswith("this person was erased before")


def test_a_stopped_erasure_is_resumed(command: Command, settings: Settings) -> None:
    with wired(settings) as wiring:
        begun = wiring.rights.erasure.begin(subject(wiring, "b"), "c" * 32)
    resumed = command("erase", "--resume", "--json")
    [erased] = orjson.loads(resumed.stdout)["erased"]
    assert (erased["request_id"], erased["state"]) == (begun.request_id, "done")
    assert orjson.loads(command("erase", "--resume", "--json").stdout)["erased"] == []


def test_who_erased_whom_is_audited(command: Command, settings: Settings) -> None:
    with wired(settings) as wiring:
        gone = subject(wiring, "b")
        command("erase", gone, "--yes")
        [entry] = [each for each in wiring.rights.access_log.about(gone) if each["action"] == "subject.erase"]
    assert (entry["purpose"], entry["resource"]) == ("rights", "alphaads erase")


@pytest.mark.parametrize("arguments", [(), ("instagram:b", "--resume"), ("--verify-receipt", "nothing-there")])
def test_wrong_use_is_told(command: Command, arguments: tuple[str, ...]) -> None:
    assert command("erase", "--yes", *arguments).exit_code == 2

"""Commands that take files and print data: parse, score, ingest, batches, replay, backfill, token, doctor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest

from alphaads_pipelines.wiring.app import wired
from tests.cli.conftest import Command
from tests.equality import fingerprint
from tests.planning import due

Posts = Callable[..., Path]


def _lines(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


def test_parse_prints_posts_on_stdout_and_rejects_on_stderr(command: Command, posts_file: Posts) -> None:
    done = command("parse", posts_file("posts.jsonl", 5, broken=2), "--platform", "generic")
    assert done.exit_code == 0
    posts, rejects = _lines(done.stdout), _lines(done.stderr)
    assert [post["post_id"] for post in posts] == [f"s1-{n}" for n in range(5)]
    assert {post["platform"] for post in posts} == {"generic"}
    assert [(reject["line"], reject["reason"]) for reject in rejects] == [(6, "malformed_json"), (7, "malformed_json")]


def test_parse_makes_no_home(command: Command, posts_file: Posts, tmp_path: Path) -> None:
    command("parse", posts_file("posts.jsonl", 2), "--platform", "generic")
    assert [path.name for path in tmp_path.iterdir()] == ["posts.jsonl"]


def test_score_reads_lines_from_a_file_or_stdin(command: Command, tmp_path: Path) -> None:
    texts = b'{"id": "1", "text": "I love it"}\n{"id": "2", "text": "I hate it, it broke again"}\n'
    (tmp_path / "texts.jsonl").write_bytes(texts)
    from_file = command("score", tmp_path / "texts.jsonl")
    assert from_file.exit_code == 0
    assert [(each["id"], each["sentiment"]["label"]) for each in _lines(from_file.stdout)] == [
        ("1", "positive"),
        ("2", "negative"),
    ]
    assert command("score", "-", "--tier", "neural", stdin=texts).stdout == from_file.stdout
    assert command("score", stdin=texts).stdout == from_file.stdout


def test_score_goes_on_after_a_line_that_it_refuses_and_says_so(command: Command) -> None:
    done = command("score", stdin=b'not json\n{"id": "2", "text": "fine"}\n')
    assert done.exit_code == 1
    assert [each["id"] for each in _lines(done.stdout)] == ["2"]
    assert done.stderr.startswith("line 1: ")


def test_ingest_tells_what_it_sealed(command: Command, posts_file: Posts) -> None:
    done = command("ingest", posts_file("posts.jsonl", 5, broken=2), "--platform", "generic", "--json")
    assert done.exit_code == 0
    [answer] = _lines(done.stdout)
    assert (answer["read"], answer["produced"], len(answer["correlation_id"])) == (7, 7, 32)
    assert "read 4 payloads, put 4 sealed" in command("ingest", posts_file("more.jsonl", 4), "-p", "generic").stdout


@pytest.fixture
def demo(command: Command, posts_file: Posts) -> dict[str, Any]:
    """The answer of a demo over a file with two broken lines."""
    done = command("demo", "--input", posts_file("posts.jsonl", 30, broken=2), "--json")
    assert done.exit_code == 0, done.output
    [answer] = _lines(done.stdout)
    return dict(answer)


def test_batches_replays_and_backfills_after_a_demo(command: Command, demo: dict[str, Any], settings: Any) -> None:
    [listed] = [row for [row] in _lines(command("batches", "--json").stdout)]
    assert (listed["batch"], listed["state"], listed["attempt"]) == ("b000000001", "committed", 1)
    assert (listed["read"], listed["accepted"], listed["rejected"], listed["duplicates"]) == (32, 30, 2, 0)
    assert sum(end - start for start, end in listed["offsets"].values()) == 32
    with wired(settings) as wiring:
        before = fingerprint(wiring)

    counts = {"batches": 1, "accepted": 30, "rejected": 2, "duplicates": 0}
    assert _lines(command("replay", "b000000001", "--json").stdout) == [counts]
    assert _lines(command("replay", "--rejected", "--json").stdout) == [counts]
    assert "replayed 1 batches: 30 accepted, 2 rejected" in command("replay", "1").stdout

    times = ("--from", "2026-11-01", "--to", "2026-11-02T00:00")
    [filled] = _lines(command("backfill", *times, "--json").stdout)
    assert (filled["hours"], filled["batches"], filled["done"]) == ([listed["hour"]], 1, True)
    assert "of 1 batches in 1 hours is done" in command("backfill", *times, "--asset", "post_scores").stdout
    assert "nothing was posted" in command("backfill", "--from", "2025-01-01", "--to", "2025-01-02").stdout
    with wired(settings) as wiring:
        assert fingerprint(wiring) == before
    table = command("batches").stdout
    assert "b000000001" in table
    assert "committed" in table


def test_a_failed_batch_is_shown_and_put_back_to_work(command: Command, posts_file: Posts, settings: Any) -> None:
    command("ingest", posts_file("posts.jsonl", 5), "-p", "generic")
    with wired(settings) as wiring:
        [batch] = due(wiring)
        for _ in range(settings.batch_max_attempts):
            wiring.ledger.fail(batch, "schema_mismatch", batch.planned_at)
            batch = wiring.ledger.get(batch.seq)
    [[row]] = _lines(command("batches", "--json").stdout)
    assert (row["state"], row["error"], row["read"]) == ("failed", "schema_mismatch", None)
    assert command("doctor").exit_code == 1
    refused = command("batches", "--resume-after-loss", row["batch"])
    assert (refused.exit_code, "only a lost batch" in refused.stderr) == (2, True)
    again = command("batches", "--retry", row["batch"], "--json")
    assert again.exit_code == 0
    [[row]] = _lines(again.stdout)
    assert row["state"] == "planned"
    assert "will be tried again" in again.stderr


def test_a_lost_batch_goes_on_by_command_only(command: Command, posts_file: Posts, settings: Any) -> None:
    command("ingest", posts_file("posts.jsonl", 5), "-p", "generic")
    with wired(settings) as wiring:
        [batch] = due(wiring)
        wiring.ledger.lose(batch, batch.planned_at)
    gone_on = command("batches", "--resume-after-loss", batch.id, "--json")
    assert gone_on.exit_code == 0, gone_on.output
    assert "goes on above the lost offsets" in gone_on.stderr
    [[row]] = _lines(gone_on.stdout)
    assert row["state"] == "planned"


def test_a_batch_that_was_lost_whole_is_given_up(command: Command, posts_file: Posts, settings: Any) -> None:
    command("ingest", posts_file("posts.jsonl", 5), "-p", "generic")
    with wired(settings) as wiring:
        [batch] = due(wiring)
        wiring.stream.trim(settings.posts_topic, {each.partition: each.end for each in batch.ranges})
        wiring.ledger.lose(batch, batch.planned_at)
    given_up = command("batches", "--resume-after-loss", batch.id, "--json")
    assert given_up.exit_code == 0, given_up.output
    assert "was lost whole and is given up" in given_up.stderr
    assert {row["state"] for row in _lines(given_up.stdout)[0]} == {"given_up"}


def test_a_token_holds_the_scopes_that_were_asked_for(command: Command, settings: Any) -> None:
    arguments = ("token", "--scope", "profiles:read", "--tenant", "acme", "--minutes", "5")
    plain = command(*arguments)
    [answer] = _lines(command(*arguments, "--json").stdout)
    for token in (plain.stdout.strip(), answer["token"]):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["tenant"] == "acme"
        assert "profiles:read" in str(claims)
        assert 290 <= claims["exp"] - claims["iat"] <= 300


def test_the_doctor_finds_a_new_home_well(command: Command) -> None:
    done = command("doctor", "--json")
    [findings] = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert {finding["check"]: finding["ok"] for finding in findings} == dict.fromkeys(
        ["python", "disk", "key file", "relational store", "stream", "worker broker", "ledger", "scorer"], True
    )
    assert done.exit_code == 0


def test_the_doctor_reports_what_does_not_answer(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:a-password@127.0.0.1:1/0")
    done = command("doctor", "--json")
    assert done.exit_code == 1
    findings = {finding["check"]: finding for finding in orjson.loads(done.stdout)}
    assert not findings["worker broker"]["ok"]
    assert findings["relational store"]["ok"]
    assert "a-password" not in done.output
    assert "✗" in command("doctor").stdout

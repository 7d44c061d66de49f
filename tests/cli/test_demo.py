"""`alphaads demo`: what went in and out, one served decision, and where to look next."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa

from alphaads_pipelines.cli.demo_person import busiest_subject
from alphaads_pipelines.cli.demo_posts import SAMPLES, recent_samples
from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.ingest.batch_reader import BatchReader
from alphaads_pipelines.profiles.profile_summary import summarise
from alphaads_pipelines.profiles.state import decode
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import wired
from tests.cli.conftest import Command
from tests.equality import fingerprint

Posts = Callable[..., Path]
_DAY = re.compile(r"20(?:26-10|26-11|26-12|27-\d\d)-\d\d(?=T)")


def test_two_files_go_in_and_the_answer_adds_up(command: Command, posts_file: Posts, settings: Settings) -> None:
    first, second = posts_file("one.jsonl", 20, broken=1), posts_file("two.jsonl", 10, seed=2, broken=2)
    done = command("demo", "--input", first, "--input", second, "--json")
    assert done.exit_code == 0, done.output
    answer = orjson.loads(done.stdout)
    assert (answer["read"], answer["accepted"], answer["rejected"], answer["duplicates"]) == (33, 30, 3, 0)
    assert answer["rows"]["raw_posts"] == answer["rows"]["post_scores"] == 30
    assert answer["rows"]["rejected_posts"] == 3
    assert answer["waiting"] == []
    assert 0 < answer["decision"]["propensity"] <= 1
    assert answer["decision"]["reason"]
    assert answer["decision"]["personalisation"] == "no_consent", "nobody's consent is made up"

    with wired(settings) as wiring:
        before = fingerprint(wiring)
    again = orjson.loads(command("demo", "--input", first, "--input", second, "--json").stdout)
    assert (again["read"], again["accepted"], again["duplicates"]) == (33, 0, 33)
    with wired(settings) as wiring:
        assert fingerprint(wiring) == before


def test_it_ends_with_what_came_of_it_a_decision_and_where_to_look_next(command: Command, posts_file: Posts) -> None:
    done = command("demo", "--input", posts_file("one.jsonl", 20, broken=1))
    assert done.exit_code == 0
    shown = done.stdout
    parts = ("what went in and out", "raw_posts", "One served decision", "with probability", "data age", "Next:")
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)
    for step in ("alphaads up", "alphaads batches", "alphaads doctor", "lake"):
        assert step in shown[places[-1] :]


def test_without_input_the_posts_are_called_synthetic_and_so_is_the_one_consent(
    command: Command, settings: Settings
) -> None:
    done = command("demo", "--json")
    assert done.exit_code == 0
    assert "SYNTHETIC sample posts" in done.stderr
    assert "consent to personalised ads is granted for one SYNTHETIC account" in done.stderr
    answer = orjson.loads(done.stdout)
    outcomes = answer["accepted"] + answer["rejected"] + answer["duplicates"]
    assert answer["produced"] == outcomes >= answer["read"] > 0, "a quoted author's post is a post of its own"
    assert answer["decision"]["personalisation"] == "mood", "the posts are moved to these days"
    with wired(settings) as wiring, reading(wiring.engine) as connection:
        said = connection.execute(sa.select(sql_table("consent_events"))).all()
    assert [(each.subject_id, each.evidence) for each in said] == [
        (answer["decision"]["subject_id"], "synthetic-account")
    ]


def test_at_any_time_of_day_the_decision_is_for_somebody_whose_mood_has_not_faded(
    command: Command, settings: Settings
) -> None:
    started = datetime.now(UTC).date()
    assert command("demo", "--json").exit_code == 0
    with wired(settings) as wiring:
        profiles = wiring.lake.scan(CUSTOMER_PROFILES).select("subject_id", "batch_seq", "state").collect()
        states = dict(profiles.sort("batch_seq").select("subject_id", "state").iter_rows())
        for hour in range(24):
            now = datetime.combine(started, time(hour, 59, 59), UTC)
            chosen = busiest_subject(wiring, now)
            assert chosen is not None
            assert summarise(decode(states[chosen]), now).mood is not None, f"at {now}"
            assert summarise(decode(states[chosen]), now + timedelta(minutes=5)).mood is not None, f"soon after {now}"


def test_who_showed_a_mood_long_ago_is_asked_for_where_nobody_shows_one_now(
    command: Command, posts_file: Posts, settings: Settings
) -> None:
    assert command("demo", "--input", posts_file("one.jsonl", 20)).exit_code == 0
    with wired(settings) as wiring:
        assert busiest_subject(wiring, datetime(2036, 1, 1, tzinfo=UTC)) is not None


def test_sample_posts_are_moved_by_whole_days_and_nothing_else_of_them_changes(tmp_path: Path) -> None:
    [copy] = recent_samples(tmp_path, date(2027, 3, 1))
    [sample] = SAMPLES.glob("*.jsonl")
    lines = list(zip(sample.read_text().splitlines(), copy.read_text().splitlines(), strict=True))
    days = [(_DAY.findall(old), _DAY.findall(new)) for old, new in lines]
    moved = {
        (date.fromisoformat(b) - date.fromisoformat(a)).days for old, new in days for a, b in zip(old, new, strict=True)
    }
    assert moved == {(date(2027, 2, 28) - date(2026, 10, 18)).days}
    assert max(each for _, new in days for each in new) == "2027-02-28"
    assert [_DAY.sub("", old) for old, _ in lines] == [_DAY.sub("", new) for _, new in lines]


def test_a_missing_second_file_is_told_before_the_first_is_taken_in(
    command: Command, posts_file: Posts, settings: Settings
) -> None:
    done = command("demo", "--input", posts_file("one.jsonl", 20), "--input", "missing.jsonl")
    assert done.exit_code == 2
    assert "missing.jsonl cannot be read" in done.stderr
    with wired(settings) as wiring:
        assert sum(wiring.stream.end_offsets(settings.posts_topic).values()) == 0


def test_batches_that_wait_for_a_person_make_the_demo_fail(
    command: Command, posts_file: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SchemaMismatch("nothing fits")

    monkeypatch.setenv("BATCH_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(BatchReader, "read", refuse)
    done = command("demo", "--input", posts_file("one.jsonl", 20))
    assert done.exit_code == 1
    assert "batches wait for a person: b000000001" in done.stderr

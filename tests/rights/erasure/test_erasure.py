"""Erasure removes every trace of a person, under concurrent work, and changes no one else."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alphaads_pipelines.errors import Fenced, KeyDestroyed, NotFound, StoreUnavailable, WriteConflict
from alphaads_pipelines.ingest.heartbeat import Heartbeat
from alphaads_pipelines.pipeline.microbatch import MicroBatch
from alphaads_pipelines.pipeline.stages import STAGES, Stage
from alphaads_pipelines.privacy.sealer import SealedBody
from alphaads_pipelines.rights.erasure import erasure as erasing_module
from alphaads_pipelines.rights.erasure.base import ERASERS
from alphaads_pipelines.rights.erasure.erasure import BATCHES, KEYS, SWEEP
from alphaads_pipelines.rights.requests import RightsRequest
from alphaads_pipelines.schema.columns import Erasure as Path_
from alphaads_pipelines.schema.records import LAYOUTS
from alphaads_pipelines.schema.tables import RAW_POSTS, TABLES
from alphaads_pipelines.stores.sql.relational import reading, select_in
from alphaads_pipelines.stores.subjects.subjects import resolve_subject
from alphaads_pipelines.wiring.app import Wiring
from tests.conftest import ROOT
from tests.publishing import publish_batches
from tests.rights.erasure.erasing import copied, fill, go_on_until, rows_of_others, settings_of, subjects_of, take_posts
from tests.scanner import Scanner

SEED = 11


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(settings_of(folder))
    return folder


@pytest.fixture
def wiring(filled: Path, tmp_path: Path) -> Iterator[Wiring]:
    with copied(filled, tmp_path) as wiring:
        yield wiring


@pytest.fixture(autouse=True)
def settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process holds anything in these tests."""
    monkeypatch.setattr(erasing_module.Erasure, "settle_until", lambda _, request: request.opened_at)


def begin(wiring: Wiring, subject: str) -> RightsRequest:
    return wiring.rights.erasure.begin(subject, "c" * 32)


def erase(wiring: Wiring, subject: str) -> RightsRequest:
    return wiring.rights.erasure.resume(begin(wiring, subject).request_id)


def found_in(folder: Path, subject: str) -> set[str]:
    return {str(each.path) for each in Scanner([subject]).scan(folder)}


def test_an_erased_person_is_in_no_file_and_everybody_else_is_as_they_were(wiring: Wiring, tmp_path: Path) -> None:
    gone = subjects_of(wiring)[0]
    before = rows_of_others(wiring, gone)
    held = " ".join(found_in(tmp_path, gone))
    for where in ("relational.db", "posts.raw.db", "ads.decisions.db", ".spool", "raw_posts/", "rejected_posts/"):
        assert where in held, "else the search proves nothing"
    with reading(wiring.engine) as connection:
        [row] = select_in(connection, "subjects", "subject_id", [gone])
    done = erase(wiring, gone)
    assert (done.state, done.subject_id, done.sealed_subject) == ("done", None, None)
    assert rows_of_others(wiring, gone) == before
    assert found_in(tmp_path, gone) == set()
    for path in (tmp_path / "home").glob("relational.db*"):
        assert bytes(row.identity_mac) not in path.read_bytes()


def test_after_the_first_step_nobody_can_open_or_decide_anything(wiring: Wiring) -> None:
    gone, other = subjects_of(wiring)[:2]
    begin(wiring, gone)
    names = ("schema_version", "platform", "shard", "subject_id", "key_id", "nonce", "sealed_body")
    raw = wiring.lake.scan(RAW_POSTS).select(names).collect()
    opened = wiring.sealer.unseal([SealedBody(*row) for row in raw.iter_rows()])
    destroyed = {row["subject_id"] for row, each in zip(raw.iter_rows(named=True), opened, strict=True)
                 if isinstance(each, KeyDestroyed)}  # fmt: skip
    assert destroyed == {gone}
    tables = ("live_profiles", "profile_changes", "subjects", "subject_keys")
    tables += ("consent_events", "restrictions", "rectifications", "people")
    with reading(wiring.engine) as connection:
        left = {name: [row.subject_id for row in select_in(connection, name, "subject_id", [gone, other])]
                for name in tables}  # fmt: skip
    assert {name: rows for name, rows in left.items() if gone in rows} == {}
    assert {name for name, rows in left.items() if other in rows} == set(tables) - {"people"}, "linked to nobody now"
    assert wiring.suppressions.is_suppressed(gone)


def test_requests_of_the_erased_stay_without_their_name(wiring: Wiring) -> None:
    gone = subjects_of(wiring)[0]
    erase(wiring, gone)
    [export] = [each for each in wiring.rights.rights_requests.list(only_open=False) if each.kind == "export"]
    assert (export.subject_id, export.state) == (None, "refused")


def test_nobody_comes_back_by_a_replay_or_by_new_posts(wiring: Wiring, tmp_path: Path) -> None:
    gone = subjects_of(wiring)[0]
    erase(wiring, gone)
    take_posts(wiring, "third")
    committed = [batch.seq for batch in wiring.ledger.batches(state="committed")]
    wiring.ledger.replay(committed, datetime.now(UTC))
    publish_batches(wiring)
    assert gone not in subjects_of(wiring)
    assert len(subjects_of(wiring)) == 7
    assert found_in(tmp_path, gone) == set()


def test_a_receipt_tells_what_was_checked_and_names_nobody(wiring: Wiring) -> None:
    gone = subjects_of(wiring)[0]
    receipt = erase(wiring, gone).receipt
    assert receipt is not None
    wiring.rights.receipt_signer.verify(receipt)
    assert gone not in str(receipt)
    assert receipt["subject"] == wiring.pseudonyms.suppressed_subject(gone).hex()
    assert set(receipt["checked"]) == set(ERASERS)
    assert {each["found"] for each in receipt["checked"].values()} == {0}
    looked_at = {name: each["looked_at"] for name, each in receipt["checked"].items()}
    assert looked_at["relational"]["pages"] > 0
    assert looked_at["relational"].keys() == {"pages", "wal_bytes"}
    assert looked_at["lake"]["rejected_posts"]["files"] > 0
    assert looked_at["lake"]["raw_posts"]["log_files"] > 0
    assert looked_at["posts"]["posts.raw"]["pages"] > 0
    assert receipt["erased"]["lake"]["raw_posts"]["rows_deleted"] > 0


def test_erasing_twice_is_told_apart_from_erasing_a_stranger(wiring: Wiring) -> None:
    gone = subjects_of(wiring)[0]
    done = erase(wiring, gone)
    assert wiring.rights.erasure.resume(done.request_id) == done
    assert [each.request_id for each in wiring.rights.erasure.before(gone)] == [done.request_id]
    for subject in (gone, "0" * 32):
        with pytest.raises(NotFound):
            begin(wiring, subject)
    with pytest.raises(NotFound):
        resolve_subject(wiring.engine, wiring.pseudonyms, "0" * 32)
    assert wiring.rights.erasure.before("0" * 32) == wiring.rights.erasure.pending() == []


def run_until_killed(folder: Path, subject: str, where: str, skip: int = 0) -> int | None:
    """Exit code of a process that goes on with an erasure; imports are paid for once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.rights.erasure.erasing"])
    process = context.Process(target=go_on_until, args=(folder, subject, where, skip))
    process.start()
    process.join()
    return process.exitcode


def test_an_erasure_that_is_killed_in_every_step_is_finished_by_the_next_process(filled: Path, tmp_path: Path) -> None:
    """Each process goes on where the one before it was killed (kill -9), and is killed one step later."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    with copied(filled, tmp_path) as wiring:
        gone = subjects_of(wiring)[0]
        before = rows_of_others(wiring, gone)
        steps = ["in the transaction", "after the transaction", *wiring.rights.erasure.steps]
    for step in steps:
        assert run_until_killed(tmp_path, gone, step, chance.randrange(3)) == -signal.SIGKILL, step
    with copied(tmp_path, tmp_path / "again") as wiring:
        assert wiring.rights.erasure.pending()[0].progress.keys() == {KEYS, *wiring.rights.erasure.steps} - {SWEEP}
    assert run_until_killed(tmp_path, gone, "nowhere") == 0
    with copied(tmp_path, tmp_path / "after") as wiring:
        assert rows_of_others(wiring, gone) == before
        [request] = wiring.rights.erasure.before(gone)
        wiring.rights.receipt_signer.verify(request.receipt or {})
    assert found_in(tmp_path / "home", gone) == set()


_READER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.rights.erasure.erasing import settings_of
from alphaads_pipelines.privacy.sealer import SealedBody
from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.wiring.app import wired
names = ("schema_version", "platform", "shard", "subject_id", "key_id", "nonce", "sealed_body")
with wired(settings_of(Path(sys.argv[2]))) as wiring:
    rows = [SealedBody(*row) for row in wiring.lake.scan(RAW_POSTS).select(names).collect().iter_rows()]
    for subject in sys.stdin:
        mine = [row for row in rows if row.subject_id == subject.strip()]
        print(sum(isinstance(body, bytes) for body in wiring.sealer.unseal(mine)), len(mine), flush=True)
"""


def test_another_process_that_held_the_key_cannot_open_anything_a_second_later(wiring: Wiring, tmp_path: Path) -> None:
    gone, other = subjects_of(wiring)[:2]
    command = [sys.executable, "-c", _READER, str(ROOT), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def opened(subject: str) -> list[str]:
            print(subject, file=reader.stdin, flush=True)
            return reader.stdout.readline().split()  # type: ignore[union-attr]

        [whole, posts] = opened(gone)
        assert whole == posts != "0"
        begin(wiring, gone)
        time.sleep(1.0)
        assert opened(gone) == ["0", posts]
        assert opened(other)[0] != "0"
        reader.stdin.close()


def claimed_batch(wiring: Wiring) -> MicroBatch:
    """A claimed batch with posts of every person that has not run, with a live heartbeat."""
    take_posts(wiring, "late")
    now = datetime.now(UTC)
    wiring.ledger.plan(wiring.stream.end_offsets(wiring.topics.posts), now)
    [batch] = wiring.ledger.due(now, lambda _: False)
    batch = wiring.ledger.claim(batch.seq, batch.attempt, "test", now)
    heartbeat = Heartbeat(wiring.ledger, batch)
    heartbeat.__enter__()
    return MicroBatch(wiring, batch, heartbeat.check)


@pytest.mark.parametrize("done", [0, 2], ids=["accepted", "folded"])
def test_a_batch_that_runs_meanwhile_brings_nobody_back(wiring: Wiring, tmp_path: Path, done: int) -> None:
    """The batch read the subject's posts, did some of its steps before the keys were destroyed, and the others when
    the stores were already cleared."""
    gone = subjects_of(wiring)[0]
    micro = claimed_batch(wiring)
    for stage in STAGES[: done + 1]:
        micro.run(stage)
    request = begin(wiring, gone)
    waiting, finished = threading.Event(), []

    def report(step: str, _number: int, _steps: int, where: str) -> None:
        if (step, where) == (BATCHES, "waiting"):
            waiting.set()

    thread = threading.Thread(target=lambda: finished.append(wiring.rights.erasure.resume(request.request_id, report)))
    thread.start()
    assert waiting.wait(300)
    for stage in STAGES[done + 1 :]:
        micro.run(stage)
    assert not finished, "it waits for the batch"
    thread.join(300)
    assert [each.state for each in finished] == ["done"]
    assert found_in(tmp_path, gone) == set()
    assert wiring.ledger.get(micro.batch.seq).state == "committed"


def test_a_batch_whose_worker_is_dead_is_given_away_and_not_waited_for(wiring: Wiring) -> None:
    gone = subjects_of(wiring)[0]
    take_posts(wiring, "late")
    past = datetime.now(UTC) - timedelta(hours=1)
    wiring.ledger.plan(wiring.stream.end_offsets(wiring.topics.posts), past)
    [batch] = wiring.ledger.due(past, lambda _: False)
    batch = wiring.ledger.claim(batch.seq, batch.attempt, "test", past)
    micro = MicroBatch(wiring, batch, lambda: wiring.ledger.check(batch))
    micro.run(Stage.ACCEPT)
    assert erase(wiring, gone).state == "done"
    with pytest.raises(Fenced):
        micro.run(Stage.SCORE)
    publish_batches(wiring)
    assert gone not in subjects_of(wiring)


def test_what_is_left_keeps_the_request_open_until_it_is_gone(wiring: Wiring) -> None:
    gone = subjects_of(wiring)[0]
    planted = wiring.settings.alphaads_home / "dagster" / "event"
    planted.parent.mkdir(parents=True)
    planted.write_text(f"somebody wrote {gone} here")
    request = begin(wiring, gone)
    with pytest.raises(WriteConflict, match="files"):
        wiring.rights.erasure.resume(request.request_id)
    [waits] = wiring.rights.erasure.pending()
    assert (waits.request_id, waits.receipt, waits.lease_until) == (request.request_id, None, None)
    planted.unlink()
    assert wiring.rights.erasure.resume(request.request_id).state == "done"


def test_an_id_that_came_into_a_log_is_overwritten_in_place(wiring: Wiring) -> None:
    gone, other = subjects_of(wiring)[:2]
    log = wiring.settings.logs_path / "up.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"one {gone} two {other} {gone}\n")
    assert erase(wiring, gone).progress["files"] == {"logs_mended": 2}
    assert log.read_text() == f"one {'0' * 32} two {other} {'0' * 32}\n"


def test_two_processes_do_not_work_on_one_erasure(wiring: Wiring) -> None:
    request = begin(wiring, subjects_of(wiring)[0])
    held = wiring.rights.rights_requests.claim(request.request_id, datetime.now(UTC))
    with pytest.raises(WriteConflict, match="another process"):
        wiring.rights.erasure.resume(request.request_id)
    wiring.rights.rights_requests.release(held)
    assert wiring.rights.erasure.resume(request.request_id).state == "done"


def test_backups_of_keys_forget_the_erased(wiring: Wiring) -> None:
    gone, other = subjects_of(wiring)[:2]
    backup = wiring.rights.key_backups.create(wiring.engine, datetime.now(UTC))
    assert gone.encode() in backup.read_bytes()
    done = erase(wiring, gone)
    assert gone.encode() not in backup.read_bytes()
    assert other.encode() in backup.read_bytes()
    assert done.progress["key_backups"] == {"keys_removed": 1}


def test_nobody_is_erased_who_could_come_back_by_a_restore(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subjects_of(wiring)[0]

    def full(*_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(wiring.rights.erasure_journal, "remember", full)
    with pytest.raises(StoreUnavailable):
        begin(wiring, gone)
    assert resolve_subject(wiring.engine, wiring.pseudonyms, gone) == gone
    assert wiring.rights.erasure.pending() == []


KEPT = {Path_.KEEP_HASH, Path_.BY_COMMAND, Path_.EXPIRE}


def _covered(wiring: Wiring) -> set[str]:
    return {name for each in wiring.rights.erasure._erasers for name in each.covers}


@pytest.mark.parametrize("declared", [TABLES, LAYOUTS], ids=["tables", "stored records"])
def test_every_personal_column_is_cleared_by_some_eraser(wiring: Wiring, declared: tuple[Any, ...]) -> None:
    personal = {each.name for each in declared if any(c.is_personal and c.erasure not in KEPT for c in each.columns)}
    personal -= {"profile state"}
    assert personal - _covered(wiring) == set(), "profile state goes with its row"


def test_erasers_cover_nothing_that_is_not_declared(wiring: Wiring) -> None:
    assert _covered(wiring) <= {each.name for each in (*TABLES, *LAYOUTS)}
    assert pl.Series([each.name for each in wiring.rights.erasure._erasers]).is_unique().all()

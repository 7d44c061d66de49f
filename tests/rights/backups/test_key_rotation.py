"""Key rotation on SQLite and PostgreSQL: under load, killed anywhere; no read fails, no old key is left."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, UnsealError
from alphaads_pipelines.privacy.envelope import Envelope
from alphaads_pipelines.privacy.key_ring import KeyRingFile
from alphaads_pipelines.privacy.keys import Identity
from alphaads_pipelines.privacy.sealer import Sealer, Unsealed
from alphaads_pipelines.privacy.secrets_file import KeyFile, MasterKeys, _write
from alphaads_pipelines.rights.backups import key_rotation
from alphaads_pipelines.rights.backups.key_backups import KeyBackups, key_rows
from alphaads_pipelines.stores.sql.relational import connect, reading, sql_table, transaction
from alphaads_pipelines.stores.subjects import key_rotation as rows_rotation
from alphaads_pipelines.stores.subjects import subject_keys
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHARDS = 16


class Killed(BaseException):
    """Stands for kill -9: no handler of the code under test sees it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    MasterKeys.load_or_create(tmp_path / "home.key")
    return tmp_path / "home.key"


@pytest.fixture
def backups(tmp_path: Path) -> KeyBackups:
    return KeyBackups(tmp_path / "key-backups", timedelta(days=7))


@pytest.fixture
def rotate(path: Path, engine: Engine, backups: KeyBackups, tmp_path: Path) -> Callable[[], key_rotation.Rotated]:
    """A rotation by a process of its own."""

    def run() -> key_rotation.Rotated:
        lock = tmp_path / "rotation.lock"
        return key_rotation.rotate(KeyRingFile(path), engine, backups, NOON, lock, lambda _: None)

    return run


def _keys(path: Path, engine: Engine) -> RelationalSubjectKeys:
    """The keys as a process that starts now sees them: nothing is cached."""
    return RelationalSubjectKeys(engine, KeyRingFile(path).current, SHARDS)


def _sealer(path: Path, engine: Engine) -> Sealer:
    return Sealer(_keys(path, engine), SHARDS)


def _seal(sealer: Sealer, authors: range) -> list[Envelope]:
    items = [Unsealed(Identity(number.to_bytes(32, "big"), "x"), b"body %d" % number) for number in authors]
    return sealer.seal("x", items, "c", NOON)


def _kek_ids(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(rows_rotation.wrapped_by(connection))


def _content(path: Path) -> dict[str, object]:
    return dict(orjson.loads(path.read_bytes()))


def _unseals_all(path: Path, engine: Engine, sealed: list[Envelope], authors: range) -> bool:
    return _sealer(path, engine).unseal(sealed) == [b"body %d" % number for number in authors]


def test_after_a_rotation_everything_is_wrapped_by_the_new_key_and_the_old_one_is_gone(
    path: Path, engine: Engine, rotate: Callable[[], key_rotation.Rotated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_rotation, "_CHUNK_KEYS", 7)
    authors, before = range(40), _content(path)
    sealed = _seal(_sealer(path, engine), authors)
    with reading(engine) as connection:
        wrapped = {bytes(row.wrapped_key) for row in connection.execute(sa.select(sql_table("subject_keys")))}
    done = rotate()
    assert (done.rewrapped, done.dropped) == (40, {before["kek_id"]})
    assert _kek_ids(engine) == {done.kek_id}
    after = _content(path)
    assert after["former_keks"] == {}
    assert str(before["kek"]) not in path.read_text()
    assert list(path.parent.glob(f"{path.name}*")) == [path], "no draft holds it either"
    assert {name: key for name, key in after.items() if "kek" not in name} == {
        name: key for name, key in before.items() if "kek" not in name
    }, "the other keys are not touched"
    with reading(engine) as connection:
        rewrapped = {bytes(row.wrapped_key) for row in connection.execute(sa.select(sql_table("subject_keys")))}
    assert not wrapped & rewrapped
    assert _unseals_all(path, engine, sealed, authors)
    assert _seal(_sealer(path, engine), authors)[0].key_id == sealed[0].key_id, "data keys stay what they are"
    assert rotate().kek_id != done.kek_id, "and again"
    assert _unseals_all(path, engine, sealed, authors)


# --- under load ------------------------------------------------------------------------------------------------------


@contextmanager
def _load(path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Readers and sealers, as processes with cold caches; counts their operations."""
    stop, counts = threading.Event(), {"read": 0, "sealed": 0}
    known = _seal(_sealer(path, engine), range(200))

    def read(seed: int) -> None:
        rng = random.Random(seed)
        while not stop.is_set():
            chosen = rng.sample(range(200), 20)
            opened = _sealer(path, engine).unseal([known[number] for number in chosen])
            assert opened == [b"body %d" % number for number in chosen]
            counts["read"] += 20

    def seal(first: int) -> None:
        held = _sealer(path, engine)
        for start in range(first, first + 100_000, 5):
            if stop.is_set():
                return
            authors = range(start, start + 5)
            sealed = _seal(held if start % 2 else _sealer(path, engine), authors)
            assert _unseals_all(path, engine, sealed, authors)
            counts["sealed"] += 5

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(read, 1), pool.submit(read, 2), pool.submit(seal, 1_000), pool.submit(seal, 200_000)]
        try:
            yield counts
        finally:
            stop.set()
        for each in running:
            each.result(300)


def test_no_read_and_no_sealing_fails_while_keys_are_rotated(
    path: Path, engine: Engine, rotate: Callable[[], key_rotation.Rotated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_rotation, "_CHUNK_KEYS", 20)
    first = str(_content(path)["kek"])
    with _load(path, engine, monkeypatch) as counts:
        for _ in range(2):
            so_far = dict(counts)
            done = rotate()
            assert _kek_ids(engine) == {done.kek_id}
            _wait_until(lambda so_far=so_far: all(counts[name] > so_far[name] for name in counts))
    assert _kek_ids(engine) == {done.kek_id}, "nobody wrapped by an old key behind the last look"
    assert _content(path)["former_keks"] == {}
    assert first not in path.read_text()


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < deadline, "the load stands still"
        time.sleep(0.01)


def _read_until_told(path: Path, url: str, sealed: list[Envelope], stop: Any, reads: Any) -> None:
    engine = connect(url)
    while not stop.is_set():
        assert _unseals_all(path, engine, sealed, range(len(sealed)))
        reads.value += len(sealed)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_processes_follow_a_rotation_without_a_restart(
    path: Path, engine: Engine, database_url: str, rotate: Callable[[], key_rotation.Rotated]
) -> None:
    sealed = _seal(_sealer(path, engine), range(10))
    context = multiprocessing.get_context("spawn")
    stop, reads = context.Event(), context.Value("q", 0)
    reader = context.Process(target=_read_until_told, args=(path, database_url, sealed, stop, reads))
    reader.start()
    for _ in range(3):
        so_far = reads.value
        _wait_until(lambda so_far=so_far: reads.value > so_far or not reader.is_alive())
        rotate()
    so_far = reads.value
    _wait_until(lambda: reads.value > so_far or not reader.is_alive())
    stop.set()
    reader.join(300)
    assert reader.exitcode == 0, "a read failed"


def test_a_transaction_that_wraps_by_the_old_key_is_waited_for(
    path: Path, engine: Engine, rotate: Callable[[], key_rotation.Rotated], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = str(_content(path)["kek_id"])
    slow, begun, go_on = _keys(path, engine), threading.Event(), threading.Event()
    new_key = subject_keys._new_key

    def hesitating(*arguments: object) -> dict[str, object]:
        begun.set()
        assert go_on.wait(300)
        return new_key(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(subject_keys, "_new_key", hesitating)
    with ThreadPoolExecutor(2) as pool:
        sealing = pool.submit(slow.ensure, [Identity(bytes(32), "x")])
        assert begun.wait(300)
        rotating = pool.submit(rotate)
        time.sleep(0.2)
        assert not rotating.done()
        assert old in {_content(path)["kek_id"], *dict(_content(path)["former_keks"])}  # type: ignore[call-overload]
        go_on.set()
        [subject] = sealing.result(300)
        done = rotating.result(300)
    assert _kek_ids(engine) == {done.kek_id}
    assert _keys(path, engine).keys([subject.key_id]) == {subject.key_id: subject.key}


def test_a_row_read_before_the_end_of_a_rotation_is_read_again(
    path: Path, engine: Engine, rotate: Callable[[], key_rotation.Rotated]
) -> None:
    [sealed] = _seal(_sealer(path, engine), range(1))
    ring, looked = KeyRingFile(path), []

    def look_late() -> object:
        if not looked:
            looked.append(rotate())
        return ring.current()

    late = RelationalSubjectKeys(engine, look_late, SHARDS)  # type: ignore[arg-type]
    assert set(late.keys([sealed.key_id])) == {sealed.key_id}
    assert looked


def test_only_one_rotation_runs_at_once(
    path: Path, engine: Engine, rotate: Callable[[], key_rotation.Rotated], monkeypatch: pytest.MonkeyPatch
) -> None:
    _seal(_sealer(path, engine), range(3))

    def again(*_: object) -> None:
        with pytest.raises(InvalidRequest, match="running"):
            rotate()

    monkeypatch.setattr(key_rotation, "activate", again)
    rotate()


# --- killed ----------------------------------------------------------------------------------------------------------


def _killing(step: int) -> Callable[..., object]:
    """Count calls, and kill the process at the `step`th; 0: never."""
    calls = [0]

    def wrap(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **named: object) -> object:
            calls[0] += 1
            if calls[0] == step:
                raise Killed
            return call(*arguments, **named)

        return counted

    return wrap


@contextmanager
def _killed_at(step: int) -> Iterator[None]:
    """Every transaction, every write and replacement of the key file is a place to be killed at."""
    wrap = _killing(step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_rotation, "transaction", wrap(transaction))
        patch.setattr("alphaads_pipelines.privacy.secrets_file._write", wrap(_write))
        patch.setattr(Path, "replace", wrap(Path.replace))
        patch.setattr(key_rotation, "forget_on_disk", wrap(key_rotation.forget_on_disk))
        yield


def test_killed_at_any_step_a_rotation_goes_on_where_it_was(
    path: Path,
    engine: Engine,
    backups: KeyBackups,
    rotate: Callable[[], key_rotation.Rotated],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows_rotation, "_CHUNK_KEYS", 4)
    authors = range(6)
    sealed = _seal(_sealer(path, engine), authors)
    backups.create(engine, NOON)
    step = 0
    while True:
        step += 1
        try:
            with _killed_at(step):
                rotate()
            break
        except Killed:
            assert _unseals_all(path, engine, sealed, authors), f"killed at step {step}"
            more = _seal(_sealer(path, engine), range(100 + step, 101 + step))
            assert _unseals_all(path, engine, more, range(100 + step, 101 + step))
            at_the_kill = _content(path)
            gone_on = rotate().kek_id == at_the_kill["kek_id"]
            assert gone_on == bool(at_the_kill["former_keks"]), "what was begun is finished, what was not begun anew"
            assert _kek_ids(engine) == {_content(path)["kek_id"]}
            assert _content(path)["former_keks"] == {}
            assert list(path.parent.glob(f"{path.name}*")) == [path]
            [rows] = [rows for file in backups.files() for rows in key_rows(file)]
            assert {row["kek_id"] for row in rows} == {_content(path)["kek_id"]}
            assert _unseals_all(path, engine, sealed, authors)
    assert step > 8, "a rotation has more steps than this"


# --- key backups -----------------------------------------------------------------------------------------------------


def test_key_backups_are_wrapped_anew_too_and_keep_the_old_key_until_they_are(
    path: Path, engine: Engine, backups: KeyBackups, rotate: Callable[[], key_rotation.Rotated]
) -> None:
    _seal(_sealer(path, engine), range(5))
    [first, second] = [backups.create(engine, NOON + timedelta(hours=hours)) for hours in range(2)]
    done = rotate()
    ring = KeyRingFile(path).current()
    for file in (first, second):
        [rows] = key_rows(file)
        assert {row["kek_id"] for row in rows} == {done.kek_id}
        for row in rows:
            ring.unwrap(row["kek_id"], row["wrapped_key"], row["key_id"], row["subject_id"])


def test_a_key_backup_of_another_key_file_stops_the_rotation_before_a_key_is_dropped(
    path: Path, engine: Engine, backups: KeyBackups, rotate: Callable[[], key_rotation.Rotated], tmp_path: Path
) -> None:
    sealed = _seal(_sealer(path, engine), range(5))
    file = backups.create(engine, NOON)
    with backups.opened() as [copy], transaction(copy) as connection:
        connection.execute(sql_table("subject_keys").update().values(kek_id="of-another"))
    with pytest.raises(UnsealError, match="ALPHAADS_KEY_FILE"):
        rotate()
    assert _unseals_all(path, engine, sealed, range(5))
    assert len(dict(_content(path)["former_keks"])) == 1  # type: ignore[call-overload]
    file.unlink()
    rotate()
    assert _content(path)["former_keks"] == {}


# --- the state of a version 1 installation ---------------------------------------------------------------------------


def test_keys_wrapped_before_keys_had_ids_are_rotated_as_all_others(
    path: Path, engine: Engine, rotate: Callable[[], key_rotation.Rotated]
) -> None:
    content = _content(path)
    old = {name: content[name] for name in ("kek", "identity", "mention", "post", "suppression")}
    path.write_bytes(orjson.dumps({"version": 1, **old}))
    sealed = _seal(_sealer(path, engine), range(5))
    assert _kek_ids(engine) == {"first"} == {KeyFile(path).read().kek_id}
    assert rotate().dropped == {"first"}
    assert _unseals_all(path, engine, sealed, range(5))
    assert str(old["kek"]) not in path.read_text()

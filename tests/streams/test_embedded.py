"""The embedded stream between processes, through crashes, and under retention."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alphaads_pipelines.errors import InvalidRequest, StreamUnavailable
from alphaads_pipelines.streams import embedded
from alphaads_pipelines.streams.base import OffsetRange, Record
from alphaads_pipelines.streams.embedded import EmbeddedStream

PRODUCER = """
import sys
from pathlib import Path
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.streams.embedded import EmbeddedStream
stream = EmbeddedStream(Path(sys.argv[1]))
for number in range(100000):
    stream.produce("t", [Record(number % 2, str(number).encode())] * 3)
    print(number, flush=True)
"""


def _produce(path: Path, partition: int) -> None:
    with EmbeddedStream(path) as stream:
        for number in range(50):
            stream.produce("t", [Record(partition, f"{partition}:{number}:{k}".encode()) for k in range(10)])


def test_processes_produce_at_once_without_loss(tmp_path: Path) -> None:
    with EmbeddedStream(tmp_path) as stream:
        stream.ensure_topic("t", 1)
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=_produce, args=(tmp_path, 0)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(300)
            assert process.exitcode == 0
        assert stream.end_offsets("t") == {0: 1500}
        offsets = [record.offset for chunk in stream.read([OffsetRange("t", 0, 0, 1500)]) for record in chunk]
        assert offsets == list(range(1500))


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    with EmbeddedStream(tmp_path) as stream:
        stream.ensure_topic("t", 2)
    process = subprocess.Popen([sys.executable, "-c", PRODUCER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(40):
        acknowledged = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    rest = process.stdout.read().split()
    acknowledged = int(rest[-1]) if rest else acknowledged
    with EmbeddedStream(tmp_path) as stream:
        ends = stream.end_offsets("t")
        ranges = [OffsetRange("t", partition, 0, end) for partition, end in ends.items()]
        values = [int(record.value) for chunk in stream.read(ranges) for record in chunk]
    assert set(range(acknowledged + 1)) <= set(values)
    assert len(values) == 3 * len(set(values)), "a call's records are there together or not at all"


def test_a_batch_is_all_or_nothing(tmp_path: Path) -> None:
    with EmbeddedStream(tmp_path) as stream:
        stream.ensure_topic("t", 1)
        with pytest.raises(InvalidRequest):
            stream.produce("t", [Record(0, b"good"), Record(7, b"no such partition")])
        assert stream.end_offsets("t") == {0: 0}


def test_retention_by_time_overwrites_what_it_removes(tmp_path: Path) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with EmbeddedStream(tmp_path, clock=lambda: now[0]) as stream:
        stream.ensure_topic("t", 1)
        stream.produce("t", [Record(0, b"OLD-RECORD-CANARY")])
        now[0] += timedelta(hours=2)
        stream.produce("t", [Record(0, b"new")])
        assert stream.trim_older_than("t", now[0] - timedelta(hours=1)) == 1
        assert stream.low_offsets("t") == {0: 1}
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"OLD-RECORD-CANARY" not in (tmp_path / "t.db").read_bytes()


def test_a_locked_log_is_unavailable_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "BUSY_S", 0.2)
    with EmbeddedStream(tmp_path) as stream:
        stream.ensure_topic("t", 1)
        other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StreamUnavailable):
            stream.produce("t", [Record(0, b"x")])
        other.execute("ROLLBACK")
        stream.produce("t", [Record(0, b"x")])
        assert stream.end_offsets("t") == {0: 1}


@pytest.mark.parametrize("topic", ["", "../up", "a/b", "x" * 300])
def test_a_topic_cannot_name_another_file(tmp_path: Path, topic: str) -> None:
    with EmbeddedStream(tmp_path) as stream, pytest.raises(InvalidRequest):
        stream.ensure_topic(topic, 1)


def test_waiting_costs_little(tmp_path: Path) -> None:
    with EmbeddedStream(tmp_path) as stream:
        stream.ensure_topic("t", 4)
        started = time.process_time()
        stream.wait_beyond("t", {}, 1.0)
        assert time.process_time() - started < 0.5

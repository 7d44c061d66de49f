"""The spool: what was answered is never lost, what cannot be recorded is not answered."""

from __future__ import annotations

import fcntl
import resource
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alphaads_pipelines.decisions.spool import Forwarder, Spool, erase_from_spool, forward, is_blank, spooled
from alphaads_pipelines.errors import StoreUnavailable, StreamUnavailable
from alphaads_pipelines.streams.base import OffsetRange, Record, Stream
from alphaads_pipelines.streams.embedded import EmbeddedStream

TOPIC = "ads.decisions"
HEADER = struct.Struct("<II")


class PatchyStream(EmbeddedStream):
    """A broker that is away for as long as `is_away`."""

    is_away = False

    def produce(self, topic: str, records: Sequence[Record]) -> None:
        if self.is_away:
            raise StreamUnavailable("away")
        super().produce(topic, records)


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[PatchyStream]:
    with PatchyStream(tmp_path / "stream") as opened:
        opened.ensure_topic(TOPIC, 4)
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = Spool(path)
    yield opened
    opened.close()


def _shipped(stream: Stream) -> list[bytes]:
    ranges = [OffsetRange(TOPIC, partition, 0, end) for partition, end in stream.end_offsets(TOPIC).items()]
    return sorted(record.value for chunk in stream.read(ranges) for record in chunk)


def _segments(path: Path) -> list[Path]:
    return sorted(path.glob("*.spool"))


def test_each_record_is_shipped_once(spool: Spool, path: Path, stream: Stream) -> None:
    assert forward(path, stream, TOPIC) == 0, "there is no spool yet"
    spool.append(b"one")
    assert forward(path, stream, TOPIC) == 1
    spool.append(b"two")
    spool.append(b"")
    assert forward(path, stream, TOPIC) == 2
    assert forward(path, stream, TOPIC) == 0
    assert _shipped(stream) == [b"", b"one", b"two"]


def test_an_ended_segment_is_removed_and_an_open_one_is_kept(spool: Spool, path: Path, stream: Stream) -> None:
    ended = Spool(path)
    ended.append(b"one")
    ended.close()
    spool.append(b"two")
    assert forward(path, stream, TOPIC) == 2
    [left] = _segments(path)
    spool.append(b"three")
    assert _segments(path) == [left]
    spool.close()
    assert forward(path, stream, TOPIC) == 1
    assert sorted(each.name for each in path.iterdir()) == ["forward.lock"]


def test_a_closed_spool_goes_on_in_a_new_segment(spool: Spool, path: Path) -> None:
    spool.append(b"one")
    spool.close()
    spool.append(b"two")
    assert len(_segments(path)) == 2


def test_segments_end_when_they_are_large(spool: Spool, path: Path, stream: Stream) -> None:
    records = [bytes([number]) * 1_000_000 for number in range(20)]
    for record in records:
        spool.append(record)
    assert len(_segments(path)) == 2
    assert forward(path, stream, TOPIC) == 20
    assert len(_segments(path)) == 1
    assert _shipped(stream) == records


def test_a_forwarder_started_again_sends_the_rest(spool: Spool, path: Path, stream: Stream) -> None:
    for number in range(10):
        spool.append(b"%d" % number)
        if number == 4:
            first = Forwarder(path, lambda: stream, TOPIC, every_s=0.01)
            first.start()
            first.stop()
    again = Forwarder(path, lambda: stream, TOPIC, every_s=60.0)
    again.start()
    again.stop()
    assert _shipped(stream) == [b"%d" % number for number in range(10)]


def test_dying_after_shipping_ships_again_and_loses_nothing(spool: Spool, path: Path, stream: Stream) -> None:
    spool.append(b"one")
    forward(path, stream, TOPIC)
    [position] = path.glob("*.position")
    position.unlink()  # as if the process had died before it was written
    spool.append(b"two")
    forward(path, stream, TOPIC)
    assert _shipped(stream) == [b"one", b"one", b"two"], "doubles are dropped by decision id"


def test_a_stream_that_is_away_loses_nothing(spool: Spool, path: Path, stream: PatchyStream) -> None:
    forwarder = Forwarder(path, lambda: stream, TOPIC, every_s=0.01)
    stream.is_away = True
    forwarder.start()
    for number in range(5):
        spool.append(b"%d" % number)
    spool.close()
    threading.Event().wait(0.1)
    assert (len(_segments(path)), _shipped(stream)) == (1, [])
    stream.is_away = False
    forwarder.stop()
    assert _shipped(stream) == [b"%d" % number for number in range(5)]


def test_a_forwarder_outlives_a_folder_it_cannot_use(path: Path, stream: Stream) -> None:
    path.write_text("a file where the folder should be")
    forwarder = Forwarder(path, lambda: stream, TOPIC, every_s=0.001)
    with capture_logs() as logs:
        forwarder.start()
        while len(logs) < 3:
            threading.Event().wait(0.01)
        path.unlink()
        spool = Spool(path)
        spool.append(b"one")
        spool.close()
        forwarder.stop()
    assert {log["error"] for log in logs} == {"NotADirectoryError"}
    assert _shipped(stream) == [b"one"]


def test_one_forwards_at_a_time(spool: Spool, path: Path, stream: Stream) -> None:
    spool.append(b"one")
    with (path / "forward.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert forward(path, stream, TOPIC) == 0
    assert forward(path, stream, TOPIC) == 1


@pytest.mark.parametrize(
    "torn",
    [
        b"\x05",
        HEADER.pack(5, 0),
        HEADER.pack(5, 0) + b"abc",
        HEADER.pack(5, 0) + b"abcde",
        HEADER.pack(2**32 - 1, 0) + b"abcde",
    ],
)
def test_a_torn_record_is_skipped_and_those_before_it_are_not(path: Path, stream: Stream, torn: bytes) -> None:
    spool = Spool(path)
    spool.append(b"whole")
    spool.close()
    [segment] = _segments(path)
    segment.write_bytes(segment.read_bytes() + torn)
    assert forward(path, stream, TOPIC) == 1
    assert _shipped(stream) == [b"whole"]


def test_threads_may_share_a_spool(spool: Spool, path: Path, stream: Stream) -> None:
    def write(name: int) -> None:
        for number in range(200):
            spool.append(b"%d-%d" % (name, number) * 50)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        forward(path, stream, TOPIC)
    forward(path, stream, TOPIC)
    assert _shipped(stream) == sorted(b"%d-%d" % (name, n) * 50 for name in range(4) for n in range(200))


def test_a_segment_being_opened_is_not_taken_for_an_ended_one(path: Path, stream: Stream) -> None:
    done = threading.Event()

    def forward_without_end() -> None:
        while not done.is_set():
            forward(path, stream, TOPIC)

    forwarder = threading.Thread(target=forward_without_end)
    forwarder.start()
    for number in range(300):
        spool = Spool(path)
        spool.append(b"%03d" % number)
        spool.close()
    done.set()
    forwarder.join()
    forward(path, stream, TOPIC)
    assert _shipped(stream) == [b"%03d" % number for number in range(300)]


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """The kernel cuts writes off at this size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_and_what_was_recorded_before_stays(spool: Spool, path: Path, stream: Stream) -> None:
    recorded = []
    with _files_of_at_most(10_000):
        for number in range(20):
            record = b"%02d" % number * 500
            try:
                spool.append(record)
                recorded.append(record)
            except StoreUnavailable as error:
                assert "not made" in str(error)
    assert 9 <= len(recorded) < 20
    spool.append(b"the disk has room again")
    assert forward(path, stream, TOPIC) == len(recorded) + 1
    assert _shipped(stream) == sorted([*recorded, b"the disk has room again"])


def test_a_folder_that_cannot_be_made_refuses(path: Path) -> None:
    path.write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable):
        Spool(path).append(b"one")


WRITER = """
import sys
from pathlib import Path
from alphaads_pipelines.decisions.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(10**9):
    spool.append(b"%09d" % number)
    sys.stdout.write("%09d\\n" % number)
    sys.stdout.flush()
"""


def test_kill_9_loses_nothing_that_was_recorded(path: Path, stream: Stream) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        answered = [writer.stdout.readline() for _ in range(500)]
        writer.send_signal(signal.SIGKILL)
        answered += writer.stdout.readlines()
    told = {line.strip() for line in answered if line.endswith(b"\n")}
    assert len(told) >= 500
    forward(path, stream, TOPIC)
    shipped = _shipped(stream)
    assert told <= set(shipped)
    assert len(shipped) == len(set(shipped)) <= len(told) + 1
    assert _segments(path) == [], "the lock died with the process, so the segment counts as ended"


def test_erased_records_are_blank_on_disk_and_never_shipped(path: Path, spool: Spool, stream: PatchyStream) -> None:
    records = [f"{number} of {'one' if number % 3 else 'two'}".encode() for number in range(7)]
    for record in records[:4]:
        spool.append(record)
    forward(path, stream, TOPIC)
    for record in records[4:]:
        spool.append(record)
    assert erase_from_spool(path, ["two"]) == 3
    assert erase_from_spool(path, ["two"]) == 0
    assert not any(b"two" in segment.read_bytes() for segment in path.iterdir())
    spool.append(b"later")
    forward(path, stream, TOPIC)
    assert _shipped(stream) == sorted([*records[:4], records[4], records[5], b"later"]), "0 and 3 were shipped before"
    assert [record for record in spooled(path) if not is_blank(record)] == [
        *(each for each in records if b"one" in each), b"later"
    ]  # fmt: skip


def test_an_erasure_and_a_forwarder_take_turns(path: Path, spool: Spool, stream: PatchyStream) -> None:
    spool.append(b"of two")
    with (path / "forward.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        erasing = threading.Thread(target=erase_from_spool, args=(path, ["two"]))
        erasing.start()
        erasing.join(0.1)
        assert erasing.is_alive()
        assert forward(path, stream, TOPIC) == 0
    erasing.join()
    assert [record.strip() for record in spooled(path)] == [b""]


def test_there_is_nothing_to_erase_without_a_spool(path: Path) -> None:
    assert erase_from_spool(path, ["two"]) == 0

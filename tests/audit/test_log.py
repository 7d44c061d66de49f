"""The audit log: every answer has an entry, without identities."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from alphaads_pipelines.audit import chain as audit_chain
from alphaads_pipelines.audit.entries import MOST_LISTED, AuditKeys, merkle_root, people
from alphaads_pipelines.audit.log import AuditLog
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import AUDIT_FAILURES
from alphaads_pipelines.wiring.app import Wiring
from tests.audit.audits import Clock, Installation, subject, write
from tests.concurrency import at_once


@pytest.fixture
def installation(wiring: Wiring, tmp_path: Path) -> Installation:
    return Installation(wiring, tmp_path / "audit", Clock())


@pytest.fixture
def log(installation: Installation) -> Iterator[AuditLog]:
    opened = installation.log()
    yield opened
    opened.close()


def _lines(installation: Installation) -> list[dict[str, object]]:
    return [orjson.loads(line) for path in installation.chains() for line in path.read_bytes().splitlines()]


def test_an_entry_says_who_what_why_and_when(log: AuditLog, installation: Installation) -> None:
    write(log, subject(1))
    write(log)
    first, second = _lines(installation)
    assert first["actor"] == "api:tester"
    assert (first["action"], first["purpose"], first["resource"]) == (
        "profile.read",
        "analytics",
        "/profiles/{subject_id}",
    )
    assert first["correlation_id"] == "c" * 32
    assert str(first["at"]).startswith("2026-11-24T12:00:00.")
    assert [first["number"], second["number"]] == [1, 2]
    assert second["previous"] == first["mac"]
    assert second["people"] == {"count": 0, "listed": [], "root": ""}


def test_people_are_keyed_hashes_that_only_the_key_leads_to(log: AuditLog, installation: Installation) -> None:
    write(log, subject(1), subject(2), subject(1))
    [entry] = _lines(installation)
    keys = installation.wiring.rights.audit_keys
    assert entry["people"] == {
        "count": 2,
        "listed": sorted([keys.hash_of(subject(1)), keys.hash_of(subject(2))]),
        "root": "",
    }
    assert AuditKeys.derive(b"2" * 32).hash_of(subject(1)) not in str(entry)
    assert subject(1).encode() not in installation.chains()[0].read_bytes()


def test_many_people_are_one_root_whatever_their_order() -> None:
    keys = AuditKeys.derive(b"1" * 32)
    many = [subject(each) for each in range(MOST_LISTED + 1)]
    named = people(keys, many)
    assert (named.count, named.listed) == (MOST_LISTED + 1, ())
    assert people(keys, [*reversed(many), many[0]]) == named
    assert people(keys, [*many[:-1], subject(99)]).root != named.root
    assert people(keys, many[:-1]).root == ""


def test_the_root_is_that_of_rfc_6962() -> None:
    """Roots over 1, 2, 3 and 5 leaves, written out."""
    from hashlib import sha256

    leaves = [bytes([each]) * 32 for each in range(5)]
    a, b, c, d, e = (sha256(b"\x00" + leaf).digest() for leaf in leaves)

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\x01" + left + right).digest()

    def root(count: int) -> str:
        return merkle_root(leaves[:count])

    assert root(0) == sha256().hexdigest()
    assert root(1) == a.hex()
    assert root(2) == node(a, b).hex()
    assert root(3) == node(node(a, b), c).hex()
    assert root(5) == node(node(node(a, b), node(c, d)), e).hex()


def test_threads_share_a_chain_without_a_gap(log: AuditLog, installation: Installation) -> None:
    def some() -> None:
        for each in range(50):
            write(log, subject(each))

    at_once(*[some] * 4)
    [_] = installation.chains()
    assert [each["number"] for each in _lines(installation)] == list(range(1, 201))
    assert installation.verifier.verify().problems == []


def _write_ten(settings: Settings, start: object) -> None:
    wiring = Wiring(settings)
    start.wait(300)  # type: ignore[attr-defined]
    for each in range(10):
        write(wiring.audit, subject(each))
    wiring.close()


def test_processes_have_a_chain_each_and_share_the_checkpoints(wiring: Wiring) -> None:
    _ = wiring.master_keys, wiring.engine
    start = multiprocessing.get_context("fork").Barrier(3)
    fork = multiprocessing.get_context("fork").Process
    processes = [fork(target=_write_ten, args=(wiring.settings, start)) for _ in range(3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join(300)
    assert [each.exitcode for each in processes] == [0, 0, 0]
    verdict = wiring.rights.audit_verifier.verify()
    assert (verdict.chains, verdict.entries, verdict.uncovered, verdict.problems) == (3, 30, 0, [])
    assert verdict.checkpoints == 6, "a beginning and an end of each"
    assert wiring.rights.checkpoints.copies() == wiring.rights.checkpoints.read()


def test_a_chain_ends_after_a_day_and_at_its_size(
    log: AuditLog, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log)
    installation.clock.now += timedelta(days=1)
    write(log)
    assert len(installation.chains()) == 2
    monkeypatch.setattr(audit_chain, "MAX_BYTES", 1_000)
    for _ in range(6):
        write(log)
    assert len(installation.chains()) > 3
    verdict = installation.verifier.verify()
    assert (verdict.entries, verdict.problems) == (8, [])


def test_nothing_is_recorded_without_a_folder_to_record_in(installation: Installation) -> None:
    installation.folder.write_text("a file stands where the folder should be")
    failed = AUDIT_FAILURES._value.get()
    with pytest.raises(StoreUnavailable, match="audit log"):
        write(installation.log())
    assert AUDIT_FAILURES._value.get() == failed + 1


def test_nothing_is_recorded_without_a_place_for_checkpoints(installation: Installation) -> None:
    installation.checkpoints.path.mkdir()
    with pytest.raises(StoreUnavailable, match="checkpoint"):
        write(installation.log())
    assert list(installation.folder.iterdir()) == [], "a chain that was not signed for is not begun"


@pytest.mark.parametrize("what", ["removed", "replaced", "moved", "longer", "shorter"])
def test_a_file_that_somebody_changes_is_not_written_to(log: AuditLog, installation: Installation, what: str) -> None:
    write(log)
    write(log)
    [path] = installation.chains()
    content = path.read_bytes()
    if what == "removed":
        path.unlink()
    elif what == "replaced":
        path.rename(path.with_suffix(".old"))
        path.write_bytes(content)
    elif what == "moved":
        installation.folder.rename(installation.folder.with_name("elsewhere"))
    else:
        path.write_bytes(content + b"x" if what == "longer" else content[:-1])
    with pytest.raises(StoreUnavailable):
        write(log)
    write(log)
    assert any(chain != path for chain in installation.chains()), "it goes on in a new chain"
    assert (installation.verifier.verify().problems != []) == (what != "longer" and what != "replaced")


FULL_DISK = """
import resource, sys
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.audit.audits import subject, write

with wired(Settings(_env_file=None, environment="test", alphaads_home=sys.argv[1])) as wiring:
    write(wiring.audit, subject(1))
    [chain] = wiring.settings.audit_path.glob("*.jsonl")
    resource.setrlimit(resource.RLIMIT_FSIZE, (chain.stat().st_size + 100, resource.RLIM_INFINITY))
    for _ in range(3):
        try:
            write(wiring.audit, subject(2))
        except StoreUnavailable as error:
            print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    write(wiring.audit, subject(3))
"""


def test_a_full_disk_refuses_and_leaves_no_half_entry(wiring: Wiring) -> None:
    """RLIMIT_FSIZE holds for root, too: a write is cut short, the next fails."""
    command = [sys.executable, "-c", FULL_DISK, str(wiring.settings.alphaads_home)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == 3
    assert all("audit log cannot be written" in each for each in said)
    verdict = wiring.rights.audit_verifier.verify()
    assert (verdict.chains, verdict.entries, verdict.problems) == (1, 2, [])


WRITER = """
import sys
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring
from tests.audit.audits import subject, write

wiring = Wiring(Settings(_env_file=None, environment="test", alphaads_home=sys.argv[1]))
for number in range(10**9):
    write(wiring.audit, subject(number))
    print(number, flush=True)
"""


def test_kill_9_loses_no_entry_that_was_recorded(wiring: Wiring) -> None:
    command = [sys.executable, "-c", WRITER, str(wiring.settings.alphaads_home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(300)]
        writer.send_signal(signal.SIGKILL)
        told += [line for line in writer.stdout.readlines() if line.endswith(b"\n")]
    verdict = wiring.rights.audit_verifier.verify()
    assert verdict.problems == []
    assert len(told) <= verdict.entries <= len(told) + 1
    assert verdict.uncovered == verdict.entries


def test_closing_a_log_that_nothing_was_written_to_leaves_nothing(installation: Installation) -> None:
    installation.log().close()
    assert not installation.folder.exists()
    assert not installation.checkpoints.path.exists()


def test_a_fork_goes_on_in_a_chain_of_its_own(log: AuditLog, installation: Installation) -> None:
    write(log)
    if (child := os.fork()) == 0:
        write(log)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    write(log)
    assert len(installation.chains()) == 2
    assert installation.verifier.verify().problems == []

"""The erasure journal: complete and durable, despite crashes while writing."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from alphaads_pipelines.errors import ConfigurationError, StoreUnavailable
from alphaads_pipelines.rights.erasure.journal import ErasureJournal
from alphaads_pipelines.wiring.app import Wiring
from tests.concurrency import at_once

NOON = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def journal(wiring: Wiring) -> ErasureJournal:
    return wiring.rights.erasure_journal


def _rows(journal: ErasureJournal) -> set[tuple[bytes, str]]:
    return {(row["mac"], row["kind"]) for row in (each.row() for each in journal.entries())}


def test_it_holds_what_the_suppression_list_holds(journal: ErasureJournal, wiring: Wiring) -> None:
    assert journal.entries() == []
    journal.remember([b"i" * 32, b"j" * 32], "subject", NOON)
    with wiring.engine.begin() as connection:
        wiring.suppressions.suppress(connection, [b"i" * 32, b"j" * 32], "subject", NOON)
        rows = connection.exec_driver_sql("SELECT mac, kind FROM suppressions").all()
    assert _rows(journal) == {(bytes(row.mac), row.kind) for row in rows}
    assert len(rows) == 3
    assert {each.erased_at for each in journal.entries()} == {NOON}


def test_it_names_nobody_and_is_closed_to_others(journal: ErasureJournal, wiring: Wiring) -> None:
    journal.remember([b"i" * 32], "subject-of-somebody", NOON)
    path = wiring.settings.erasure_journal_path
    content = path.read_bytes()
    assert b"subject-of-somebody" not in content
    assert (b"i" * 32).hex().encode() not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert wiring.settings.alphaads_home not in path.parents, "a backup of the home must not hold it"


def test_again_is_once_and_the_first_time_counts(journal: ErasureJournal) -> None:
    for hours in range(3):
        journal.remember([b"i" * 32], "subject", NOON + timedelta(hours=hours))
    assert len(journal.entries()) == 2
    assert {each.erased_at for each in journal.entries()} == {NOON}


def test_whoever_writes_at_once_is_remembered(journal: ErasureJournal) -> None:
    at_once(*[partial(journal.remember, [bytes([number]) * 32], f"s{number}", NOON) for number in range(8)])
    assert len(journal.entries()) == 16


@pytest.mark.parametrize("torn", [b"{", b'{"mac":"00', b'{"mac":"' + b"0" * 64 + b'","kind":"subject"'])
def test_a_line_torn_by_a_crash_is_nobodys_and_does_no_harm(
    journal: ErasureJournal, wiring: Wiring, torn: bytes
) -> None:
    journal.remember([], "before", NOON)
    with wiring.settings.erasure_journal_path.open("ab") as file:
        file.write(torn)
    assert len(journal.entries()) == 1
    journal.remember([], "after", NOON)
    assert len(journal.entries()) == 2


@pytest.mark.parametrize(
    "damage", [b"\n", b"[]\n", b'{"mac":"00","kind":"subject","erased_at":"2026-11-24T12:00:00Z"}\n']
)
def test_a_damaged_line_is_an_error_that_names_it(journal: ErasureJournal, wiring: Wiring, damage: bytes) -> None:
    journal.remember([], "before", NOON)
    path: Path = wiring.settings.erasure_journal_path
    path.write_bytes(path.read_bytes() + damage)
    journal.remember([], "after", NOON)
    with pytest.raises(ConfigurationError, match="line 2 is damaged"):
        journal.entries()


def test_one_that_cannot_be_written_stops_the_erasure(journal: ErasureJournal, wiring: Wiring) -> None:
    wiring.settings.erasure_journal_path.mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match="journal"):
        journal.remember([], "subject", NOON)
    with pytest.raises(StoreUnavailable, match="journal"):
        journal.entries()


def test_it_catches_up_with_erasures_that_the_store_knows_of(journal: ErasureJournal, wiring: Wiring) -> None:
    assert journal.catch_up(wiring.engine, NOON) == 0
    assert wiring.settings.erasure_journal_path.exists(), "a restore asks for it"
    journal.remember([], "known", NOON)
    with wiring.engine.begin() as connection:
        for subject in ("known", "erased on another host"):
            wiring.suppressions.suppress(connection, [], subject, NOON)
    assert journal.catch_up(wiring.engine, NOON) == 1
    assert journal.catch_up(wiring.engine, NOON) == 0
    assert len(journal.entries()) == 2

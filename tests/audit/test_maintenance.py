"""Maintenance of the audit log: checkpoints, retention, acknowledged broken chains."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alphaads_pipelines.audit.maintenance import AuditMaintenance
from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.wiring.app import Wiring
from tests.audit.audits import NOON, Clock, Installation, change_lines, subject, write

KEEP = timedelta(days=30)


@pytest.fixture
def installation(wiring: Wiring, tmp_path: Path) -> Installation:
    return Installation(wiring, tmp_path / "audit", Clock())


def _maintenance(installation: Installation) -> AuditMaintenance:
    return AuditMaintenance(installation.folder, installation.verifier, installation.checkpoints, KEEP)


def test_a_living_chain_is_signed_as_far_as_it_goes(installation: Installation) -> None:
    log = installation.log()
    write(log, subject(1))
    write(log, subject(2))
    assert _maintenance(installation).checkpoint(NOON).signed == 1
    write(log, subject(3))
    assert installation.verifier.verify().uncovered == 1
    assert _maintenance(installation).checkpoint(NOON).signed == 1
    assert _maintenance(installation).checkpoint(NOON).signed == 0, "nothing happened since"
    assert installation.checkpoints.copies() == installation.checkpoints.read()
    log.close()


def test_a_chain_goes_when_it_is_old_and_verification_knows_why(installation: Installation) -> None:
    old = installation.log()
    write(old, subject(1))
    old.close()
    installation.clock.now += timedelta(days=29)
    young = installation.log()
    write(young, subject(2))
    young.close()
    assert _maintenance(installation).checkpoint(NOON + timedelta(days=29)).expired == 0
    assert _maintenance(installation).checkpoint(NOON + timedelta(days=31)).expired == 1
    [left] = installation.chains()
    assert sorted(path.suffix for path in installation.folder.iterdir()) == [".head", ".jsonl"]
    verdict = installation.verifier.verify()
    assert (verdict.chains, verdict.problems) == (1, [])
    left.unlink()
    assert [each.kind for each in installation.verifier.verify().problems] == ["missing"], "too young to be gone"


def test_a_broken_chain_is_not_signed_and_stays_until_a_person_knows(installation: Installation) -> None:
    log = installation.log()
    for each in range(3):
        write(log, subject(each))
    [path] = installation.chains()
    change_lines(path, lambda lines: lines[1:])
    done = _maintenance(installation).checkpoint(NOON)
    assert (done.signed, [each.kind for each in done.problems]) == (0, ["deleted"])
    _maintenance(installation).accept(path.stem)
    verdict = installation.verifier.verify()
    assert (verdict.problems, verdict.accepted) == ([], [path.stem])
    assert _maintenance(installation).checkpoint(NOON).problems == ()
    assert path.exists(), "what is left of it is evidence"


@pytest.mark.parametrize("name", ["nobody", "checkpoints", "sound"])
def test_only_a_broken_chain_can_be_accepted(installation: Installation, name: str) -> None:
    log = installation.log()
    write(log)
    log.close()
    sound = installation.chains()[0].stem
    with pytest.raises(NotFound):
        _maintenance(installation).accept(sound if name == "sound" else name)

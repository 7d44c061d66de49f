"""An audit log with entries in it, and ways to write and read one, for tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alphaads_pipelines.audit.checkpoints import Checkpoints
from alphaads_pipelines.audit.log import AuditLog
from alphaads_pipelines.audit.verification import Verifier
from alphaads_pipelines.wiring.app import Wiring

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@dataclass(frozen=True)
class Installation:
    """An audit log in a folder of its own."""

    wiring: Wiring
    folder: Path
    clock: Clock

    @property
    def checkpoints(self) -> Checkpoints:
        path = self.folder.with_name("checkpoints")
        return Checkpoints(path, self.wiring.master_keys.signing, self.wiring.engine, self.clock)

    def log(self) -> AuditLog:
        return AuditLog(self.folder, self.wiring.rights.audit_keys, self.checkpoints, self.clock)

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.folder, self.wiring.rights.audit_keys, self.checkpoints)

    def chains(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))


def write(
    log: AuditLog, *subjects: str, action: str = "profile.read", resource: str = "/profiles/{subject_id}"
) -> None:
    """One entry as the API would write it."""
    log.record(
        action=action,
        purpose="analytics",
        actor="api:tester",
        resource=resource,
        subjects=subjects,
        correlation_id="c" * 32,
    )


def change_lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Write a file again with its lines changed."""
    lines = change(path.read_bytes().splitlines())
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def subject(seed: int) -> str:
    """A subject id."""
    return random.Random(seed).randbytes(16).hex()

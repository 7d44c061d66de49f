"""Maintenance of the audit log: checkpoints, retention, and acknowledgement of broken chains."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alphaads_pipelines.audit.chain import chain_path, head_path
from alphaads_pipelines.audit.chain_verification import Problem
from alphaads_pipelines.audit.checkpoints import Checkpoints, Head
from alphaads_pipelines.audit.entries import GENESIS_MAC
from alphaads_pipelines.audit.verification import CHECKPOINTS, CLOSED, Verifier
from alphaads_pipelines.errors import NotFound, StoreUnavailable


@dataclass(frozen=True, slots=True)
class MaintenanceResult:
    """Counts of chains signed and chains expired; problems that kept others from being signed."""

    signed: int
    expired: int
    problems: tuple[Problem, ...]


class AuditMaintenance:
    """Scheduled and manual maintenance; `keep` is the retention of a chain after its end."""

    def __init__(self, folder: Path, verifier: Verifier, checkpoints: Checkpoints, keep: timedelta) -> None:
        self._folder, self._verifier, self._checkpoints, self._keep = folder, verifier, checkpoints, keep

    def checkpoint(self, now: datetime) -> MaintenanceResult:
        """Sync and sign the heads of all chains that grew; remove expired chains.

        Chains with problems are not signed. Raises StoreUnavailable.
        """
        heads, expired, problems = list[Head](), list[Head](), list[Problem]()
        by_chain = self._verifier.checkpoints_by_chain()
        for writer, of_chain in by_chain.items():
            last = of_chain[-1]
            if last.kind in CLOSED:
                continue
            if self._verifier.is_settled(writer, of_chain):
                if last.entries and now - last.signed_at > self._keep:
                    expired.append(Head("expired", writer, last.entries, last.head))
                continue
            findings = self._verifier.verify_chain(writer, by_chain)
            problems += findings.problems
            if not findings.problems and findings.head.entries > last.entries:
                self._sync(writer)
                heads.append(Head("head", writer, findings.head.entries, findings.head.mac))
        self._checkpoints.sign([*heads, *expired])
        for each in expired:
            self._remove(each.writer)
        self._checkpoints.copy()
        return MaintenanceResult(len(heads), len(expired), tuple(problems))

    def accept(self, writer: str) -> None:
        """Sign that a person acknowledged a broken chain; its files stay. Raises NotFound."""
        by_chain = self._verifier.checkpoints_by_chain()
        broken = {each.where for each in self._verifier.verify().problems}
        if writer not in broken - {CHECKPOINTS}:
            raise NotFound("no such chain is broken; `alphaads audit verify` names those that are")
        covered = by_chain[writer][-1] if writer in by_chain else None
        entries, head = (covered.entries, covered.head) if covered else (0, GENESIS_MAC)
        self._checkpoints.sign([Head("accepted", writer, entries, head)])
        self._checkpoints.copy()

    def _sync(self, writer: str) -> None:
        try:
            for path in (chain_path(self._folder, writer), head_path(self._folder, writer)):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise StoreUnavailable("the audit log cannot be put on the disk") from error

    def _remove(self, writer: str) -> None:
        for path in (chain_path(self._folder, writer), head_path(self._folder, writer)):
            path.unlink(missing_ok=True)
